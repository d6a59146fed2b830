import { describe, expect, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import { systemClock } from "../../src/refund/clock.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { errorOf, errorOutcome, outcomeOf } from "../support/outcome.ts";
import { acceleratedClock, startService } from "../support/service.ts";

const syncsOf = ({ requests }: Sandbox) => requests.filter(({ endpoint }) => endpoint === "sync");

describe("syncRefund() retries", () => {
  test("a held lock, each time with another time, nonce and signature", async () => {
    let now = 1715576198_000;
    await using service = await startService({
      sandbox: { release: "2.0.8", now: () => now },
      dependencies: {
        clock: {
          now: () => now,
          elapsed: systemClock.elapsed,
          after(ms, work) {
            if (ms < 50_000) now += Math.ceil(ms);
            return acceleratedClock(Infinity).clock.after(ms, work);
          },
        },
      },
    });
    const call = service.client.syncRefund({ refundNo: "R-LOCKED-3", nonceStr: "given" });
    expect(await outcomeOf(call)).toMatchObject({ status: "SUCCEEDED" });
    const syncs = syncsOf(service.sandbox).map(({ members }) => members ?? {});
    expect(syncs).toHaveLength(4);
    for (const member of ["reqTime", "nonceStr", "sign"]) {
      expect(new Set(syncs.map((members) => members[member])).size, member).toBe(4);
    }
    expect(syncs[0]).toMatchObject({ nonceStr: "given" });
  });

  test("what could not be sent, until the circuit opens", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(500) });
    const { client, sandbox, app } = service;
    await sandbox.close();
    const unreachable = {
      code: "unavailable",
      reason: "UPSTREAM_UNREACHABLE",
      delivery: "NOT_SENT",
      retryDelayMs: 1_000,
    };
    expect(await outcomeOf(client.syncRefund({ refundNo: "LOAD-1" }))).toMatchObject(unreachable);
    await errorOf(client.syncRefund({ refundNo: "LOAD-2" }));
    expect(app.stats().breaker).toBe("open");
    const error = await errorOf(client.syncRefund({ refundNo: "LOAD-3" }));
    expect(errorOutcome(error)).toMatchObject({ code: "unavailable", reason: "CIRCUIT_OPEN", delivery: "NOT_SENT" });
    expect(errorOutcome(error).retryDelayMs).toBeGreaterThanOrEqual(1_000);
    expect(error.rawMessage).toBe("Circuit breaker open after 5 consecutive DaxPay failures");
  });

  test("a query whose connection was reset before it was read", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(100) });
    service.sandbox.setFault("connect-reset", { times: 1 });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "LOAD-1" }))).toMatchObject({ status: "SUCCEEDED" });
    expect(syncsOf(service.sandbox)).toHaveLength(1);
  });

  test("a sync whose connection was reset before it was read only if it surely was not sent", async () => {
    await using service = await startService({ sandbox: { release: "2.0.6" }, dependencies: acceleratedClock(100) });
    service.sandbox.setFault("connect-reset", { times: 1 });
    const outcome = await outcomeOf(service.client.syncRefund({ refundNo: "LOAD-1" }));
    // Whether writing or reading fails first is up to the kernel.
    expect({ ...outcome, syncs: syncsOf(service.sandbox).length }).toSatisfy((seen) =>
      seen.status === "SUCCEEDED" ? seen.syncs === 1 : seen.delivery === "IN_DOUBT" && seen.syncs === 0
    );
  });
});

describe("syncRefund() sends one sync", () => {
  test("when its connection breaks after the request was read, kept connections included", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const { client, sandbox } = service;
    for (const refundNo of ["R-SUCCEEDS", "LOAD-1", "LOAD-2"]) await client.syncRefund({ refundNo });
    const before = syncsOf(sandbox).length;
    expect(await outcomeOf(client.syncRefund({ refundNo: "FAULT-RESET" }))).toMatchObject({
      code: "unavailable",
      reason: "REPLY_INTERRUPTED",
      delivery: "IN_DOUBT",
      retryDelayMs: 5_000,
    });
    expect(syncsOf(sandbox).length - before).toBe(1);
  });

  test.each([
    "R-CHANNEL-OFF",
    "R-CHANNEL-ERROR",
    "R-NULL-POINTER",
    "R-YOUNG",
    "FAULT-WRONG-SIGN",
    "FAULT-HTTP-500",
    "FAULT-NOT-JSON",
    "FAULT-STALE",
    "FAULT-CUT",
    "FAULT-LOST",
    "FAULT-UNKNOWN-CODE",
  ])("for %s, whatever the reply says", async (refundNo) => {
    await using service = await startService({ sandbox: { release: "3.0.0" }, dependencies: acceleratedClock(200) });
    await outcomeOf(service.client.syncRefund({ refundNo }));
    expect(syncsOf(service.sandbox)).toHaveLength(1);
  });
});

describe("syncRefund() signs", () => {
  test("with the new secret, once more with the previous one if DaxPay rejects it, and verifies with both", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8", previousSecret: "654321" },
      variables: { DAXPAY_SIGN_SECRET_PREVIOUS: "654321" },
    });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "FAULT-PREVIOUS-KEY" }))).toMatchObject({
      status: "SUCCEEDED",
    });
    await using other = await startService({
      sandbox: { release: "2.0.8" },
      variables: { DAXPAY_SIGN_SECRET: "new", DAXPAY_SIGN_SECRET_PREVIOUS: "123456" },
    });
    for (const refundNo of ["R-SUCCEEDS", "R-CLOSED"]) await other.client.syncRefund({ refundNo });
    expect(other.sandbox.requests.filter(({ members }) => members?.refundNo === "R-SUCCEEDS")).toHaveLength(4);
    expect(other.sandbox.requests.filter(({ members }) => members?.refundNo === "R-CLOSED")).toHaveLength(1);
    await using none = await startService({
      sandbox: { release: "2.0.8" },
      variables: { DAXPAY_SIGN_SECRET: "new", DAXPAY_SIGN_SECRET_PREVIOUS: "newer" },
    });
    expect(await outcomeOf(none.client.syncRefund({ refundNo: "R-SUCCEEDS" }))).toMatchObject({
      code: "failed_precondition",
      reason: "SIGNATURE_REJECTED",
      delivery: "NOT_SENT",
      step: "QUERY",
      retryDelayMs: undefined,
    });
    expect(none.sandbox.requests).toHaveLength(2);
  });

  test.each(
    [
      ["2.0.8", "MD5"],
      ["3.0.0-beta4", "MD5"],
      ["3.0.0-beta4", "SM3"],
      ["3.0.0", "MD5"],
      ["3.0.0", "SM3"],
    ] as const,
  )("for %s as %s", async (release, signType) => {
    await using service = await startService({ sandbox: { release, signType } });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "R-SUCCEEDS" }))).toMatchObject({
      status: "SUCCEEDED",
      final: true,
    });
  });
});

test("stats() has the skew of DaxPay's clock after a verified reply", async () => {
  await using service = await startService({ sandbox: { release: "2.0.7", now: () => Date.now() + 90_000 } });
  expect(service.app.stats().skewMs).toBeUndefined();
  await service.client.syncRefund({ refundNo: "R-SUCCEEDS" });
  const { skewMs } = service.app.stats();
  expect(skewMs).toBeGreaterThan(85_000);
  expect(skewMs).toBeLessThan(91_000);
});

test("A throttled reply pauses the requests of all callers", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const { client, sandbox } = service;
  sandbox.setFault("http-429", { refundNo: "LOAD-1", times: 1, retryAfterSeconds: 1 });
  const error = await errorOf(client.syncRefund({ refundNo: "LOAD-1" }));
  expect(errorOutcome(error)).toMatchObject({ reason: "UPSTREAM_ERROR", delivery: "NOT_SENT", retryDelayMs: 1_000 });
  expect(failureOf(error)).toMatchObject({ retryable: true });
  await client.syncRefund({ refundNo: "LOAD-2" });
  const [throttled, next] = sandbox.requests;
  // The reply takes time as well.
  expect(next.time - throttled.time).toBeGreaterThanOrEqual(995);
});
