import { expect, test } from "vitest";
import { Code, ConnectError } from "@connectrpc/connect";
import { failureOf } from "../../src/client.ts";
import { acceleratedClock, startService, summarize } from "../support/service.ts";

test("a repeated request is signed anew: other time or nonce, other signature", async () => {
  let now = 1715576198_000;
  await using service = await startService({
    sandbox: { release: "2.0.8", now: () => now },
    dependencies: {
      clock: {
        now: () => now,
        after(ms, work) {
          if (ms < 50_000) now += ms;
          return acceleratedClock(Infinity).clock.after(ms, work);
        },
      },
    },
  });
  expect(await summarize(service.client.syncRefund({ refundNo: "R-LOCKED-3", nonceStr: "given" })))
    .toBe("SUCCEEDED refund_success");
  const sent = service.sandbox.requests.map(({ body }) => JSON.parse(body));
  expect(sent.length).toBe(4);
  for (const member of ["reqTime", "nonceStr", "sign"]) {
    expect(new Set(sent.map((body) => body[member])).size, member).toBe(4);
  }
  expect(sent[0].nonceStr).toBe("given");
});

test("a connection that breaks after the request was read brings no second request", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const { client, sandbox } = service;
  for (const refundNo of ["R-SUCCEEDS", "LOAD-1", "LOAD-2"]) await client.syncRefund({ refundNo });
  const heard = sandbox.requests.length;
  expect(await summarize(client.syncRefund({ refundNo: "FAULT-RESET" }))).toBe(
    "unavailable REPLY_INTERRUPTED IN_DOUBT 5000",
  );
  expect(sandbox.requests.length).toBe(heard + 1);
});

test("what DaxPay answered is asked once, a held lock until it falls", async () => {
  await using service = await startService({ sandbox: { release: "3.0.0" }, dependencies: acceleratedClock(200) });
  const { client, sandbox } = service;
  for (const refundNo of ["R-CHANNEL-OFF", "R-NULL-POINTER", "FAULT-WRONG-SIGN", "FAULT-HTTP-500", "R-UNKNOWN"]) {
    const heard = sandbox.requests.length;
    await summarize(client.syncRefund({ refundNo }));
    expect(sandbox.requests.length - heard, refundNo).toBe(1);
  }
  const heard = sandbox.requests.length;
  expect(await summarize(client.syncRefund({ refundNo: "R-LOCKED-1" }))).toBe("SUCCEEDED success");
  expect(sandbox.requests.length - heard).toBe(2);
});

test("3.x: a closed refund is answered from memory, since asking again books its amount back", async () => {
  await using service = await startService({ sandbox: { release: "3.0.0" } });
  const { client, sandbox } = service;
  const first = await client.syncRefund({ refundNo: "R-CLOSED" });
  expect(await client.syncRefund({ refundNo: "R-CLOSED", clientIp: "127.0.0.1" })).toEqual(first);
  expect(sandbox.requests.length).toBe(1);
});

test("nothing reached: not sent, repeated, then the open circuit answers at once", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(500) });
  const { client, sandbox } = service;
  await sandbox.close();
  expect(await summarize(client.syncRefund({ refundNo: "LOAD-1" }))).toBe(
    "unavailable UPSTREAM_UNREACHABLE NOT_SENT 1000",
  );
  await summarize(client.syncRefund({ refundNo: "LOAD-2" }));
  expect(service.app.stats().breaker).toBe("open");
  const error = ConnectError.from(await client.syncRefund({ refundNo: "LOAD-3" }).catch((error) => error));
  expect([error.code, error.rawMessage]).toEqual([
    Code.Unavailable,
    "DaxPay was not asked: the last 5 calls could not reach it or found it broken",
  ]);
});

test("a connection reset before the request was read is repeated, or told as unknown, never as answered", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(100) });
  service.sandbox.setFault("connect-reset", { times: 1 });
  const gist = await summarize(service.client.syncRefund({ refundNo: "LOAD-1" }));
  // When exactly the reset is seen is the kernel's choice.
  const heard = service.sandbox.requests.length;
  expect([`SUCCEEDED refund_success 1`, "unavailable REPLY_INTERRUPTED IN_DOUBT 5000 0"]).toContain(`${gist} ${heard}`);
});

test("while the secret is changed, the former one still verifies, but only the first signs", async () => {
  await using service = await startService({
    sandbox: { release: "2.0.8", previousSecret: "654321" },
    variables: { DAXPAY_SIGN_SECRET_PREVIOUS: "654321" },
  });
  expect(await summarize(service.client.syncRefund({ refundNo: "FAULT-PREVIOUS-KEY" }))).toMatch(/^SUCCEEDED/);
  await using other = await startService({
    sandbox: { release: "2.0.8" },
    variables: { DAXPAY_SIGN_SECRET: "new", DAXPAY_SIGN_SECRET_PREVIOUS: "123456" },
  });
  expect(await summarize(other.client.syncRefund({ refundNo: "R-SUCCEEDS" })))
    .toBe("failed_precondition SIGNATURE_REJECTED ANSWERED -");
});

test("a refused time tells how far the clocks are apart", async () => {
  const slow = 20_000;
  await using service = await startService({
    sandbox: { release: "2.0.8", now: () => Date.now() + slow },
  });
  const error = ConnectError.from(await service.client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch((error) => error));
  expect(error.rawMessage).toMatch(/this service's clock is about (19|20|21) s behind DaxPay's$/);
});

test("a measured skew within bounds is kept as a number", async () => {
  await using service = await startService({ sandbox: { release: "2.0.7", now: () => Date.now() + 90_000 } });
  await service.client.syncRefund({ refundNo: "R-SUCCEEDS" });
  const { skewMs } = service.app.stats();
  expect(skewMs).toBeGreaterThan(85_000);
  expect(skewMs).toBeLessThan(91_000);
});

test.each(["MD5", "SM3"] as const)("3.0.0 set to %s", async (signType) => {
  await using service = await startService({ sandbox: { release: "3.0.0", signType } });
  expect(await summarize(service.client.syncRefund({ refundNo: "R-SUCCEEDS" }))).toBe("SUCCEEDED success");
});

test("hostile text reaches the caller cut, well-formed and as it was", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const error = ConnectError.from(
    await service.client.syncRefund({ refundNo: "FAULT-HOSTILE-TEXT" }).catch((error) => error),
  );
  const message = failureOf(error)?.daxpayMessage ?? "";
  expect([...message].length).toBe(500);
  expect(message).toMatch(/^<img src=x onerror=alert\(1\)>/);
});
