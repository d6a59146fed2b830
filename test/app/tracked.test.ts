import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RefundTrackingService, TrackingState } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { type Database, lend } from "../../src/store/database.ts";
import { openEmbeddedStore } from "../../src/store/embedded.ts";
import { startService } from "../support/service.ts";

let database: Database;
beforeAll(async () => {
  database = await openEmbeddedStore();
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

async function start() {
  const service = await startService({
    sandbox: { release: "2.0.8" },
    variables: { WATCH_SCHEDULE: "1s" },
    dependencies: { openDatabase: () => Promise.resolve(lend(database)) },
  });
  const tracking = createClient(RefundTrackingService, createGrpcTransport({ baseUrl: service.grpc }));
  return { ...service, tracking, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

describe("tracking", () => {
  test("asks another DaxPay about none of the refunds of the first", async () => {
    {
      await using first = await start();
      await first.tracking.trackRefund({ refundNo: "R-WAITS" });
      await expect.poll(() => first.sandbox.requests.length).toBeGreaterThan(0);
    }
    await database.query("UPDATE refund SET next_attempt_at = now()");
    await database.query("UPDATE pgboss.job SET start_after = now() WHERE state = 'created'");
    await using second = await start();
    await second.tracking.trackRefund({ refundNo: "R-SUCCEEDS" });
    await expect.poll(async () =>
      (await second.tracking.getTrackedRefund({ refundNo: "R-SUCCEEDS" })).trackedRefund?.trackingState
    ).toBe(TrackingState.FINAL);
    expect(second.sandbox.requests.filter(({ members }) => members?.refundNo === "R-WAITS")).toEqual([]);
  });

  test("says in events and in the refund alike since when the status has not changed", async () => {
    await using service = await start();
    await service.tracking.trackRefund({ refundNo: "R-WAITS" });
    await expect.poll(async () =>
      (await service.tracking.getTrackedRefund({ refundNo: "R-WAITS" })).trackedRefund?.attempts
    ).toBe(1n);
    const { trackedRefund } = await service.tracking.getTrackedRefund({ refundNo: "R-WAITS" });
    const { events } = await service.tracking.listRefundEvents({});
    expect(events.at(-1)?.refund?.unchangedSince).toEqual(trackedRefund?.refund?.unchangedSince);
  });

  test("has no next attempt once a failure has ended it", async () => {
    await using service = await start();
    await service.tracking.trackRefund({ refundNo: "R-UNKNOWN" });
    const get = async () => (await service.tracking.getTrackedRefund({ refundNo: "R-UNKNOWN" })).trackedRefund;
    await expect.poll(async () => (await get())?.trackingState).toBe(TrackingState.FAILED);
    expect((await get())?.nextAttemptTime).toBeUndefined();
  });
});
