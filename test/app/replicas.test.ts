import { describe, expect } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { migrateDatabase, startReplica, startSecondReplica, type TrackingReplica } from "../support/tracking.ts";

const RATE = 50;

function paths({ sandbox }: TrackingReplica, endpoint: "sync" | "query"): number {
  return sandbox.requests.filter((request) => request.endpoint === endpoint).length;
}

/** The most requests in any second. */
function mostInASecond(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(
    0,
    ...sorted.map((time, index) => sorted.slice(index).findIndex((later) => later >= time + 1000))
      .map((count, index) => count === -1 ? sorted.length - index : count),
  );
}

describe("two replicas on one database", () => {
  postgresTest("make one sync for each of 30 refunds that 600 callers ask for", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    const variables = { DAXPAY_RATE: "1000" };
    await using first = await startReplica(databaseUrl, { variables });
    await using second = await startSecondReplica(databaseUrl, first, { variables });
    const refunds = Array.from({ length: 30 }, (_, index) => `F${index}`);
    for (const refundNo of refunds) {
      first.sandbox.addRefund({
        refundNo,
        orderNo: `P-${refundNo}`,
        status: "progress",
        state: "PROCESSING",
        latencyMs: 100,
      });
    }
    const results = await Promise.all(
      Array.from(
        { length: 600 },
        (_, caller) => (caller % 2 === 0 ? first : second).client.syncRefund({ refundNo: refunds[caller % 30] }),
      ),
    );
    expect(new Set(results.map(({ refund }) => refund?.status))).toEqual(new Set([RefundStatus.IN_PROGRESS]));
    expect(paths(first, "sync")).toBeLessThanOrEqual(30);
  });

  postgresTest(
    "send no more than the rate in any second while background work saturates it",
    async ({ databaseUrl }) => {
      await migrateDatabase(databaseUrl);
      const variables = { DAXPAY_RATE: String(RATE), WATCH_SCHEDULE: "10ms" };
      await using first = await startReplica(databaseUrl, { variables });
      await using second = await startSecondReplica(databaseUrl, first, { variables });
      const refunds = Array.from({ length: 300 }, (_, index) => `B${index}`);
      for (const refundNo of [...refunds, "C"]) {
        first.sandbox.addRefund({
          refundNo,
          orderNo: `P-${refundNo}`,
          status: "progress",
          state: "PROCESSING",
          latencyMs: 20,
        });
      }
      await first.tracking.batchTrackRefunds({ requests: refunds.map((refundNo) => ({ refundNo })) });
      await expect.poll(() => first.sandbox.requests.length).toBeGreaterThan(100);
      for (let call = 0; call < 10; call++) {
        await (call % 2 === 0 ? first : second).client.syncRefund({ refundNo: "C" });
      }
      const times = first.sandbox.requests.map(({ time }) => time);
      expect(mostInASecond(times)).toBeLessThanOrEqual(RATE + 2);
      expect(times.length).toBeGreaterThan(100);
    },
  );
});
