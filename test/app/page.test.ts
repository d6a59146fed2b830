import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/refund/clock.ts";
import { outcomeOf } from "../support/outcome.ts";
import { type Service, startService } from "../support/service.ts";

/** The interface page's own example, over real sockets: its secret, refund number, client IP and time. */
const PAGE = { refundNo: "DEVR24051020531763000004", clientIp: "127.0.0.1" };

/** Starts both at the given time. */
function startAt(ms: number): Promise<Service> {
  const now = () => ms;
  return startService({
    sandbox: { now, traceId: () => "sIV4zJVhZ4Uz" },
    dependencies: { clock: { ...systemClock, now } },
  });
}

describe("syncRefund() on the documented release", () => {
  test("sends the interface page's request to the letter", async () => {
    await using service = await startAt(1715575932_000);
    await service.client.syncRefund(PAGE);
    expect(service.sandbox.requests).toMatchObject([{ method: "POST", path: "/unipay/sync/pay" }]);
    expect(service.sandbox.requests[0].members).toEqual({
      refundNo: "DEVR24051020531763000004",
      clientIp: "127.0.0.1",
      reqTime: 1715575932,
      sign: "a375e5517062966dab81b84fec9586a4f88e38f1385f6350ce200a27d32190d7",
    });
  });

  test("returns the page's success reply as a refund that the channel does not know", async () => {
    await using service = await startAt(1715576198_000);
    const { refund } = await service.client.syncRefund(PAGE);
    expect(refund).toMatchObject({
      refundNo: PAGE.refundNo,
      status: 5,
      daxpayStatus: "pay_not_found",
      replyTime: { seconds: 1715576198n },
      daxpayTraceId: "sIV4zJVhZ4Uz",
      final: false,
      nextSyncDelay: { seconds: 30n },
    });
  });

  test.each([
    ["as printed, whose signature is wrong", "FAULT-PAGE-FAILURE", "REPLY_UNVERIFIED"],
    ["signed, with its code as a text", "FAULT-STRING-CODE", "REFUND_NOT_FOUND"],
    ["signed, with its code as a number", "R-UNKNOWN", "REFUND_NOT_FOUND"],
  ])("reads the page's failure reply %s", async (_how, refundNo, reason) => {
    await using service = await startAt(1715345296_000);
    expect(await outcomeOf(service.client.syncRefund({ refundNo }))).toMatchObject({ reason, delivery: "ANSWERED" });
  });
});
