import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { createTracker } from "../../src/tracking/track.ts";
import { TrackingError, type TrackRequest, type TrackResult } from "../../src/tracking/tracking.ts";
import { type FakeTime, installFakeTime } from "../support/fake-time.ts";
import { createMemoryQueue, type MemoryQueue } from "../support/memory-jobs.ts";
import { type Replica, startReplica, TRACK_TIMEOUT_MS } from "../support/replica.ts";
import { openSharedDatabase, type SharedDatabase } from "../support/replica-database.ts";
import { failureOf, refundOf, verifiedOf } from "./values.ts";

let database: SharedDatabase;
let time: FakeTime;
let queue: MemoryQueue;
let replica: Replica;
beforeAll(async () => {
  database = await openSharedDatabase();
}, 60_000);
beforeEach(async () => {
  await database.clear();
  time = installFakeTime(database.isBusy);
  queue = createMemoryQueue(database.now);
  replica = await startReplica({ database, queue, release: "3.0.0" });
});
afterEach(() => {
  replica[Symbol.dispose]();
  time[Symbol.dispose]();
});
afterAll(() => database[Symbol.asyncDispose]());

function requestOf(
  numbers: { readonly refundNo?: string; readonly bizRefundNo?: string },
  overrides: Partial<TrackRequest> = {},
): TrackRequest {
  return {
    account: "default",
    refund: { refundNo: "", bizRefundNo: "", clientIp: "10.0.0.1", nonceStr: "", ...numbers },
    labels: {},
    expireAfterMs: undefined,
    ...overrides,
  };
}

const name = { account: "default", refundNo: "R1", bizRefundNo: "" };
const track = (...requests: readonly TrackRequest[]) => replica.tracker.track(requests, "caller");

async function trackOne(request: TrackRequest): Promise<TrackResult> {
  const [result] = await track(request);
  if (result instanceof TrackingError) throw result;
  return result;
}

function record(status: Parameters<typeof verifiedOf>[0], refund = refundOf()) {
  const verified = verifiedOf(status, replica.clock.elapsed(), { repliedAt: replica.clock.now() });
  return replica.shared.commit({ refund, attempt: undefined, claim: undefined, sync: undefined, verified });
}

const journal = () => replica.journal.read(0, 100);
const kinds = async () => (await journal()).map(({ kind }) => kind);
const due = () => [...queue.due().values()];

describe("createTracker().track()", () => {
  test("tracks a new refund, due now, until the timeout", async () => {
    const now = database.now();
    expect(await track(requestOf({ refundNo: "R1" }, { labels: { order: "7" } }))).toEqual([{
      created: true,
      trackedRefund: {
        account: "default",
        refundNo: "R1",
        bizRefundNo: "",
        state: undefined,
        trackingState: "ACTIVE",
        labels: { order: "7" },
        trackedAt: now,
        trackedBy: "caller",
        expiresAt: now + TRACK_TIMEOUT_MS,
        nextAttemptAt: now,
        lastAttemptAt: undefined,
        attempts: 0,
        lastFailure: undefined,
        contradiction: undefined,
      },
    }]);
    expect(due()).toEqual([new Date(now)]);
    expect(await journal()).toMatchObject([{ kind: "TRACKED", account: "default", eventAt: now }]);
  });

  test("gives one result for each request of a batch, in their order, and tracks a refund once", async () => {
    const results = await track(
      requestOf({ refundNo: "R2" }, { labels: { a: "1" } }),
      requestOf({ bizRefundNo: "B1" }),
      requestOf({ refundNo: "R1" }),
      requestOf({ refundNo: "R2" }, { labels: { a: "2" } }),
    );
    expect(results).toMatchObject([
      { created: true, trackedRefund: { refundNo: "R2", labels: { a: "1" } } },
      { created: true, trackedRefund: { bizRefundNo: "B1" } },
      { created: true, trackedRefund: { refundNo: "R1" } },
      { created: false, trackedRefund: { refundNo: "R2", labels: { a: "2" } } },
    ]);
    expect(await kinds()).toEqual(["TRACKED", "TRACKED", "TRACKED"]);
    expect(queue.due().size).toBe(3);
    expect(await replica.tracker.get({ ...name, refundNo: "R2" })).toMatchObject({ labels: { a: "2" } });
  });

  test("replaces the labels alone of a refund that is tracked already", async () => {
    await trackOne(requestOf({ refundNo: "R1" }, { labels: { a: "1", b: "1" }, expireAfterMs: 60_000 }));
    await time.advance(10_000);
    const { created, trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }, { labels: { b: "2" } }));
    expect(created).toBe(false);
    expect(trackedRefund).toMatchObject({ labels: { b: "2" }, expiresAt: database.now() + 50_000 });
    expect(await kinds()).toEqual(["TRACKED"]);
  });

  test("ends after the time of the request instead", async () => {
    const { trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }, { expireAfterMs: 90_500 }));
    expect(trackedRefund.expiresAt).toBe(database.now() + 90_500);
  });

  test("tells at once of a refund that is known to be final, and plans no attempt", async () => {
    await record("CLOSED");
    const { created, trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }));
    expect(created).toBe(true);
    expect(trackedRefund).toMatchObject({ trackingState: "FINAL", state: { status: "CLOSED" } });
    expect(trackedRefund.nextAttemptAt).toBeUndefined();
    expect(await kinds()).toEqual(["TRACKED", "FINAL"]);
    expect(queue.due().size).toBe(0);
    expect(await trackOne(requestOf({ refundNo: "R1" }))).toMatchObject({ created: false });
  });

  test("makes no attempt at a refund that was just synced before it may be made", async () => {
    await record("IN_PROGRESS");
    const { trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }));
    expect(trackedRefund).toMatchObject({ state: { status: "IN_PROGRESS" }, nextAttemptAt: database.now() + 10_000 });
    expect(due()).toEqual([new Date(database.now() + 10_000)]);
  });

  test("refuses a refund that another account follows", async () => {
    await trackOne(requestOf({ refundNo: "R1" }));
    const [other, own] = await track(
      requestOf({ refundNo: "R1" }, { account: "other" }),
      requestOf({ refundNo: "R2" }, { account: "other" }),
    );
    // Both names have one configuration here.
    expect(other).toMatchObject({ reason: "INVALID_REQUEST" });
    expect(own).toMatchObject({ created: true });
  });

  test("lets another account track a refund that is not followed any longer", async () => {
    await record("SUCCEEDED");
    await trackOne(requestOf({ refundNo: "R1" }));
    const { created, trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }, { account: "other" }));
    expect(created).toBe(true);
    expect(trackedRefund).toMatchObject({ account: "other", trackingState: "FINAL" });
  });

  test("starts anew where tracking has ended", async () => {
    await trackOne(requestOf({ refundNo: "R1" }, { labels: { a: "1" } }));
    const [{ id }] = await replica.jobs.fetch(1, []);
    await replica.records.fail(id, failureOf("REFUND_NOT_FOUND", { retryDelayMs: undefined }), 1);
    await time.advance(1_000);
    const { created, trackedRefund } = await trackOne(requestOf({ refundNo: "R1" }));
    expect(created).toBe(true);
    expect(trackedRefund).toMatchObject({
      trackingState: "ACTIVE",
      attempts: 0,
      nextAttemptAt: database.now(),
      labels: {},
    });
    expect(trackedRefund.lastFailure).toBeUndefined();
    expect(await kinds()).toEqual(["TRACKED", "FAILING", "TRACKED"]);
    expect(due()).toEqual([new Date(database.now())]);
  });

  test("tracks a refund whose row is merged into another one between two statements", async () => {
    await trackOne(requestOf({ bizRefundNo: "B1" }));
    let merged = false;
    const merging: Database = {
      ...database.database,
      transaction: (work) =>
        database.database.transaction((tx) =>
          work({
            async query(text, values) {
              if (text.startsWith("SELECT entry.position") && !merged) {
                merged = true;
                await tx.query("DELETE FROM refund WHERE biz_refund_no = 'B1'", []);
              }
              return await tx.query(text, values);
            },
          })
        ),
    };
    const tracker = createTracker({
      database: merging,
      records: replica.records,
      jobs: replica.jobs,
      events: { write: () => Promise.resolve() },
      accountOf: () => replica.account,
      trackTimeoutMs: TRACK_TIMEOUT_MS,
      checkStore: () => Promise.resolve(),
    });
    expect(await tracker.track([requestOf({ bizRefundNo: "B1" })], "")).toMatchObject([{ created: true }]);
    expect(merged).toBe(true);
  });

  test("stores a caller's name that PostgreSQL cannot", async () => {
    await replica.tracker.track([requestOf({ refundNo: "R1" })], "a\0\ud800");
    expect(await replica.tracker.get(name)).toMatchObject({ trackedBy: "a\ufffd\ufffd" });
  });
});

describe("createTracker().untrack()", () => {
  test("ends tracking once, and lets the worker remove the job", async () => {
    await record("IN_PROGRESS");
    await trackOne(requestOf({ refundNo: "R1" }));
    const untracked = await replica.tracker.untrack(name);
    expect(untracked).toMatchObject({ trackingState: "UNTRACKED" });
    expect(untracked.nextAttemptAt).toBeUndefined();
    expect(due()).toEqual([new Date(database.now())]);
    await replica.tracker.untrack(name);
    expect(await kinds()).toEqual(["TRACKED", "UNTRACKED"]);
  });

  test("does not keep a later tracking waiting", async () => {
    await trackOne(requestOf({ refundNo: "R1" }));
    const [{ id }] = await replica.jobs.fetch(1, []);
    await replica.records.fail(id, failureOf("SIGNATURE_REJECTED", { retryDelayMs: undefined }), 1);
    expect(due()).toEqual([new Date(database.now() + 300_000)]);
    await replica.tracker.untrack(name);
    await trackOne(requestOf({ refundNo: "R1" }));
    expect(due()).toEqual([new Date(database.now())]);
  });

  test("leaves one whose state is final as it is", async () => {
    await trackOne(requestOf({ refundNo: "R1" }));
    await record("CLOSED");
    expect(await replica.tracker.untrack(name)).toMatchObject({ trackingState: "FINAL" });
    expect(await kinds()).toEqual(["TRACKED", "FINAL"]);
  });
});

describe("createTracker()", () => {
  test.each(["get", "untrack"] as const)(
    "%s() throws NOT_TRACKED of a refund that nobody has tracked",
    async (method) => {
      await record("FAILED");
      await trackOne(requestOf({ refundNo: "R2" }));
      const names = [name, { ...name, account: "other", refundNo: "R2" }, { ...name, refundNo: "", bizRefundNo: "B9" }];
      for (const each of names) {
        await expect(replica.tracker[method](each)).rejects.toMatchObject({
          reason: "NOT_TRACKED",
        });
      }
    },
  );

  test("acknowledge() adds the note to a contradiction, and refuses a refund without one", async () => {
    await trackOne(requestOf({ refundNo: "R1" }));
    await record("CLOSED");
    await expect(replica.tracker.acknowledge(name, "ok", "someone")).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
    });
    await time.advance(1_000);
    await record("FAILED");
    const observedAt = database.now();
    await time.advance(1_000);
    const acknowledged = await replica.tracker.acknowledge(name, "checked", "someone");
    expect(acknowledged.contradiction).toMatchObject({
      previous: { status: "CLOSED" },
      observedAt,
      note: "checked",
      acknowledgedBy: "someone",
      acknowledgedAt: observedAt + 1_000,
    });
    expect(await replica.tracker.get(name)).toEqual(acknowledged);
    expect(await kinds()).toEqual(["TRACKED", "FINAL", "CONTRADICTED"]);
  });

  test("throws a StoreUnavailableError while the database is away, and has changed nothing", async () => {
    replica.database.setAway("before");
    await expect(track(requestOf({ refundNo: "R1" }))).rejects.toMatchObject({ name: "StoreUnavailableError" });
    replica.database.setAway(undefined);
    await expect(replica.tracker.get(name)).rejects.toMatchObject({ reason: "NOT_TRACKED" });
  });
});
