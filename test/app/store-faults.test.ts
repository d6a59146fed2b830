import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect } from "vitest";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundEventKind, TrackingState } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { FailureReason, SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createPgProxy } from "../support/pg-proxy.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { migrateDatabase, openDatabase, readEvents, startReplica, type TrackingReplica } from "../support/tracking.ts";

/** The reason of the error that a call ends with. */
async function reasonOf(call: Promise<unknown>): Promise<FailureReason | undefined> {
  const error = ConnectError.from(await call.then(() => undefined, (error) => error));
  return error.findDetails(SyncFailureSchema)[0]?.reason;
}

function syncsOf({ sandbox }: TrackingReplica): number {
  return sandbox.requests.filter(({ endpoint }) => endpoint === "sync").length;
}

function addRefund({ sandbox }: TrackingReplica, refundNo: string, status: "progress" | "success" = "progress"): void {
  sandbox.addRefund({ refundNo, orderNo: `P-${refundNo}`, status, state: "PROCESSING" });
}

describe("a database that is away", () => {
  postgresTest("at the start: the service starts, and tracks as soon as it is there", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using proxy = await createPgProxy(databaseUrl);
    await proxy.refuse();
    await using replica = await startReplica(proxy.through(databaseUrl));
    addRefund(replica, "R1");
    const error = ConnectError.from(await replica.tracking.trackRefund({ refundNo: "R1" }).catch((error) => error));
    expect(error.code).toBe(Code.Unavailable);
    expect(error.findDetails(SyncFailureSchema)[0]?.reason).toBe(FailureReason.STORE_UNAVAILABLE);
    expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
    expect((await fetch(`${replica.http}/readyz`)).status).toBe(200);
    await proxy.accept();
    await expect.poll(() => reasonOf(replica.tracking.trackRefund({ refundNo: "R1" }))).toBe(undefined);
  });

  postgresTest(
    "while it runs: 3.x is answered from the query alone, and all goes on afterwards",
    async ({ databaseUrl }) => {
      await migrateDatabase(databaseUrl);
      await using proxy = await createPgProxy(databaseUrl);
      await using replica = await startReplica(proxy.through(databaseUrl));
      for (const refundNo of ["R1", "R2"]) addRefund(replica, refundNo);
      addRefund(replica, "S1", "success");
      await replica.tracking.trackRefund({ refundNo: "R1" });
      await expect.poll(() => syncsOf(replica)).toBe(1);
      await proxy.refuse();
      proxy.cut();
      expect((await replica.client.syncRefund({ refundNo: "S1" })).refund).toMatchObject({
        status: RefundStatus.SUCCEEDED,
        final: true,
      });
      expect((await replica.client.syncRefund({ refundNo: "R2" })).refund?.status).toBe(RefundStatus.IN_PROGRESS);
      expect(syncsOf(replica)).toBe(1);
      expect(await reasonOf(replica.tracking.getTrackedRefund({ refundNo: "R1" }))).toBe(
        FailureReason.STORE_UNAVAILABLE,
      );
      await proxy.accept();
      await expect.poll(() => reasonOf(replica.tracking.getTrackedRefund({ refundNo: "R1" }))).toBe(undefined);
      // What was learned meanwhile is recorded: tracking it later needs no request to know it as final.
      await expect.poll(async () =>
        (await replica.tracking.trackRefund({ refundNo: "S1" })).trackedRefund?.trackingState
      ).toBe(TrackingState.FINAL);
      expect((await replica.client.syncRefund({ refundNo: "R2" })).refund?.status).toBe(RefundStatus.IN_PROGRESS);
      expect(syncsOf(replica)).toBe(2);
    },
  );

  postgresTest("hanging: a call takes a few seconds at most", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using proxy = await createPgProxy(databaseUrl);
    await using replica = await startReplica(proxy.through(databaseUrl), {
      variables: { DATABASE_TIMEOUT_MS: "500", DATABASE_CONNECT_TIMEOUT_MS: "500" },
    });
    addRefund(replica, "R1");
    proxy.blackHole();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => replica.client.syncRefund({ refundNo: "R1" }, { timeoutMs: 10_000 })),
    );
    expect(results.map(({ refund }) => refund?.status)).toEqual(Array(20).fill(RefundStatus.IN_PROGRESS));
    expect(syncsOf(replica)).toBe(0);
    proxy.release();
  });

  postgresTest("read-only, as after a failover: is away", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using replica = await startReplica(databaseUrl);
    addRefund(replica, "R1");
    await using database = openDatabase(databaseUrl);
    const name = new URL(databaseUrl).pathname.slice(1);
    await database.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
    await database.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = $1",
      [
        name,
      ],
    );
    expect(await reasonOf(replica.tracking.trackRefund({ refundNo: "R1" }))).toBe(FailureReason.STORE_UNAVAILABLE);
    expect((await replica.client.syncRefund({ refundNo: "R1" })).refund?.status).toBe(RefundStatus.IN_PROGRESS);
    expect(syncsOf(replica)).toBe(0);
  });
});

describe("a database that was replaced", () => {
  postgresTest("by an empty one: nothing is synced", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using replica = await startReplica(databaseUrl);
    for (const refundNo of ["R1", "R2"]) addRefund(replica, refundNo);
    addRefund(replica, "S1", "success");
    await replica.tracking.trackRefund({ refundNo: "R1" });
    await expect.poll(() => syncsOf(replica)).toBe(1);
    await using database = openDatabase(databaseUrl);
    await database.query("DROP SCHEMA refundsync CASCADE; DROP SCHEMA pgboss CASCADE");
    await migrate(database);
    expect(await reasonOf(replica.client.syncRefund({ refundNo: "R2" }))).toBe(FailureReason.STORE_REPLACED);
    expect(await reasonOf(replica.tracking.trackRefund({ refundNo: "R2" }))).toBe(FailureReason.STORE_REPLACED);
    expect((await replica.client.syncRefund({ refundNo: "S1" })).refund?.status).toBe(RefundStatus.SUCCEEDED);
    expect(syncsOf(replica)).toBe(1);
  });

  postgresTest("by an older state of it: nothing is synced", async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using replica = await startReplica(databaseUrl);
    for (const refundNo of ["R1", "R2"]) addRefund(replica, refundNo);
    await replica.tracking.trackRefund({ refundNo: "R1" });
    await readEvents(replica, ({ kind }) => kind === RefundEventKind.CHANGED);
    await using database = openDatabase(databaseUrl);
    await database.query("DELETE FROM refundsync.journal WHERE seq > 1");
    expect(await reasonOf(replica.client.syncRefund({ refundNo: "R2" }))).toBe(FailureReason.STORE_REPLACED);
  });
});

postgresTest(
  "a database whose clock was set back: syncs wait for DAXPAY_SETTLE_TIMEOUT at most",
  async ({ databaseUrl }) => {
    await migrateDatabase(databaseUrl);
    await using database = openDatabase(databaseUrl);
    await database.query("UPDATE refundsync.identity SET created_at = now() + interval '15 min'");
    await using replica = await startReplica(databaseUrl, {
      variables: { DAXPAY_SETTLE_ON_START: "on", DAXPAY_SETTLE_TIMEOUT: "5s", DAXPAY_TIMEOUT_MS: "1000" },
    });
    addRefund(replica, "R1");
    expect(await reasonOf(replica.client.syncRefund({ refundNo: "R1" }))).toBe(FailureReason.SYNC_IN_DOUBT);
    await expect.poll(() => reasonOf(replica.client.syncRefund({ refundNo: "R1" })), { timeout: 9_000 }).toBe(
      undefined,
    );
  },
);
