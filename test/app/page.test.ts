import { expect, test } from "vitest";
import { startService, summarize } from "../support/service.ts";

/** The interface page's own example, over real sockets: its secret, refund number, client IP and time. */
const PAGE = { refundNo: "DEVR24051020531763000004", clientIp: "127.0.0.1" };

function at(ms: number) {
  return {
    sandbox: { now: () => ms, traceId: () => "sIV4zJVhZ4Uz" },
    world: { clock: { now: () => ms, after: () => () => {} } },
  };
}

test("the request is exactly the page's", async () => {
  await using service = await startService(at(1715575932_000));
  await service.client.syncRefund(PAGE);
  const [request] = service.sandbox.requests;
  expect([request.method, request.path]).toEqual(["POST", "/unipay/sync/pay"]);
  expect(JSON.parse(request.body)).toEqual({
    refundNo: "DEVR24051020531763000004",
    clientIp: "127.0.0.1",
    reqTime: 1715575932,
    sign: "a375e5517062966dab81b84fec9586a4f88e38f1385f6350ce200a27d32190d7",
  });
});

test("its success reply is a refund that the channel does not know", async () => {
  await using service = await startService(at(1715576198_000));
  const { refund } = await service.client.syncRefund(PAGE);
  expect(refund).toMatchObject({
    refundNo: PAGE.refundNo,
    status: 5,
    daxpayStatus: "pay_not_found",
    repliedAt: { seconds: 1715576198n },
    traceId: "sIV4zJVhZ4Uz",
  });
  expect(refund?.nextSyncDelay).toBeUndefined();
});

test("its failure reply as printed is refused, signed properly it is an unknown refund", async () => {
  await using service = await startService(at(1715345296_000));
  const printed = service.client.syncRefund({ refundNo: "FAULT-PAGE-FAILURE" });
  expect(await summarize(printed)).toBe("data_loss REPLY_UNVERIFIED ANSWERED -");
  expect(await summarize(service.client.syncRefund({ refundNo: "FAULT-STRING-CODE" })))
    .toBe("not_found REFUND_NOT_FOUND ANSWERED -");
  expect(await summarize(service.client.syncRefund({ refundNo: "R-UNKNOWN" })))
    .toBe("not_found REFUND_NOT_FOUND ANSWERED -");
});
