import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Status } from "../../src/refund/state.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import type { Worker } from "../../src/tracking/worker.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";
import { createMemoryQueue, type MemoryQueue } from "../support/memory-jobs.ts";
import { type Replica, startReplica } from "../support/replica.ts";
import { openSharedDatabase, type SharedDatabase } from "../support/replica-database.ts";

let database: SharedDatabase;
let embedded: Embedded;
let queue: MemoryQueue;
let replica: Replica;
let worker: Worker;
beforeAll(async () => {
  database = await openSharedDatabase();
}, 60_000);
beforeEach(() => database.clear());
afterEach(() => {
  replica[Symbol.dispose]();
  embedded[Symbol.dispose]();
});
afterAll(() => database[Symbol.asyncDispose]());

/** A replica with a worker in front of an embedded DaxPay with a refund R1. */
async function start(release: ReleaseName = "3.0.0", refund = {}) {
  embedded = createEmbedded({ release, isBusy: database.isBusy });
  embedded.daxpay.addRefund({ refundNo: "R1", state: "PROCESSING", orderNo: "P1", ...refund });
  queue = createMemoryQueue(database.now);
  replica = await startReplica({ database, queue, release });
  const { refunds } = embedded.start({ shared: replica.shared, clock: replica.clock });
  worker = replica.startWorker(refunds);
  return refunds;
}

async function track(): Promise<void> {
  const refund = { refundNo: "R1", bizRefundNo: "", clientIp: "10.0.0.1", nonceStr: "" };
  await replica.tracker.track([{ account: "default", refund, labels: {}, expireAfterMs: undefined }], "");
  worker.wake();
}

const get = () => replica.tracker.get({ account: "default", refundNo: "R1", bizRefundNo: "" });
const notify = (status: Status, id = "1", canQuery = true) =>
  replica.acceptNotice(replica.account, { refundNo: "R1", bizRefundNo: "B-R1", status, id }, canQuery);
const endpoints = () =>
  embedded.daxpay.requests.filter(({ members }) => members?.refundNo === "R1").map(({ endpoint }) => endpoint);
const kinds = async () => (await replica.journal.read(0, 100)).map(({ kind }) => kind);

describe("createNotices()", () => {
  test("lets the refund be queried at once, never synced", async () => {
    await start();
    await track();
    await embedded.advance(1_000);
    expect(endpoints()).toEqual(["query", "sync"]);
    embedded.daxpay.callback("R1", "success");
    expect(await notify("SUCCEEDED")).toBe("accepted");
    await embedded.advance(600);
    expect(endpoints()).toEqual(["query", "sync", "query"]);
    expect(await get()).toMatchObject({ trackingState: "FINAL", state: { status: "SUCCEEDED" } });
    expect(await kinds()).toEqual(["TRACKED", "CHANGED", "FINAL"]);
    expect(queue.due().size).toBe(0);
    expect(replica.errors).toEqual([]);
  });

  test("knows a notice that comes again, also after a restart, by its id and not its text", async () => {
    await start();
    await track();
    expect(await notify("SUCCEEDED", "1")).toBe("accepted");
    expect(await notify("SUCCEEDED", "1")).toBe("repeated");
    const restarted = await startReplica({ database, queue, release: "3.0.0" });
    const notice = { refundNo: "R1", bizRefundNo: "B-R1", status: "SUCCEEDED", id: "1" } as const;
    expect(await restarted.acceptNotice(restarted.account, notice, true)).toBe("repeated");
    restarted[Symbol.dispose]();
    expect(await notify("SUCCEEDED", "2")).toBe("accepted");
    expect(await notify("CLOSED", "1")).toBe("accepted");
  });

  test("forgets a notice that could not be committed, which DaxPay sends again", async () => {
    await start();
    await track();
    await replica.records.merchantIdOf(replica.account);
    replica.database.failNext("before");
    await expect(notify("SUCCEEDED")).rejects.toMatchObject({ name: "StoreUnavailableError" });
    expect(await notify("SUCCEEDED")).toBe("accepted");
  });

  test("leaves a refund alone that nobody has tracked", async () => {
    const refunds = await start();
    expect(await notify("SUCCEEDED")).toBe("untracked");
    const synced = refunds.sync({ refundNo: "R1", bizRefundNo: "", clientIp: "10.0.0.1", nonceStr: "" }, {
      signal: new AbortController().signal,
      timeoutMs: 10_000,
    });
    await embedded.advance(1_000);
    await synced;
    expect(await notify("SUCCEEDED", "2")).toBe("untracked");
    expect(queue.due().size).toBe(0);
  });

  test("finds a refund that is tracked by its bizRefundNo and has not been queried yet", async () => {
    await start();
    await worker.stop();
    const refund = { refundNo: "", bizRefundNo: "B-R1", clientIp: "", nonceStr: "" };
    await replica.tracker.track([{ account: "default", refund, labels: {}, expireAfterMs: undefined }], "");
    expect(await notify("SUCCEEDED")).toBe("accepted");
  });

  test("lets the refund be queried every 2 s, five times, while its state is older than the notice", async () => {
    await start();
    await track();
    await embedded.advance(1_000);
    await notify("SUCCEEDED");
    await embedded.advance(600);
    expect(endpoints().slice(2)).toEqual(["query"]);
    await embedded.advance(2_600);
    expect(endpoints().slice(2)).toEqual(["query", "query"]);
    embedded.daxpay.callback("R1", "success");
    await embedded.advance(2_600);
    expect(endpoints().slice(2)).toEqual(["query", "query", "query"]);
    expect(await get()).toMatchObject({ trackingState: "FINAL" });
    await embedded.advance(30_000);
    expect(endpoints()).toHaveLength(5);
  });

  test("goes on with the schedule where DaxPay never tells the notice's state", async () => {
    await start();
    await track();
    await embedded.advance(1_000);
    await notify("SUCCEEDED");
    await embedded.advance(14_000);
    expect(endpoints().filter((endpoint) => endpoint === "query")).toHaveLength(6);
    expect(await get()).toMatchObject({ trackingState: "ACTIVE", state: { status: "IN_PROGRESS" } });
    // Its queries were no attempts of the schedule.
    expect((await get()).attempts).toBe(1);
    await embedded.advance(10_000);
    expect(endpoints().filter((endpoint) => endpoint === "sync")).toHaveLength(2);
    expect((await get()).attempts).toBe(2);
  });

  test("does not lose a notice that comes while an attempt is in progress", async () => {
    await start("3.0.0", { latencyMs: 5_000 });
    await track();
    await embedded.advance(1_000);
    expect(endpoints()).toEqual(["query", "sync"]);
    expect(await notify("CLOSED")).toBe("accepted");
    await embedded.advance(6_500);
    // The attempt has ended as in progress, and the notice is looked into at once.
    expect(endpoints()).toEqual(["query", "sync", "query"]);
    await embedded.advance(2_000);
    expect(endpoints()).toEqual(["query", "sync", "query", "query"]);
  });

  test("contradicts a final refund by what the query says, and tracks it no further", async () => {
    await start("3.0.0", { status: "success" });
    await track();
    await embedded.advance(1_000);
    expect(await get()).toMatchObject({ trackingState: "FINAL" });
    embedded.daxpay.reset();
    embedded.daxpay.addRefund({ refundNo: "R1", status: "close", state: "CLOSED", orderNo: "P1" });
    expect(await notify("CLOSED")).toBe("accepted");
    await embedded.advance(1_000);
    expect(endpoints()).toEqual(["query"]);
    expect(await get()).toMatchObject({
      trackingState: "FINAL",
      state: { status: "CLOSED" },
      contradiction: { previous: { status: "SUCCEEDED" } },
    });
    expect(await kinds()).toEqual(["TRACKED", "FINAL", "CONTRADICTED"]);
    expect(queue.due().size).toBe(0);
    expect((await get()).nextAttemptAt).toBeUndefined();
  });

  test("lets the next attempt be made as soon as it may be where there is no query", async () => {
    await start("2.0.6");
    await track();
    await embedded.advance(15_000);
    expect(endpoints()).toEqual(["sync", "sync"]);
    expect((await get()).nextAttemptAt).toBeGreaterThan(database.now() + 20_000);
    expect(await notify("SUCCEEDED", "1", false)).toBe("accepted");
    const { lastAttemptAt = 0, nextAttemptAt } = await get();
    expect(nextAttemptAt).toBe(lastAttemptAt + 10_000);
    await embedded.advance(11_000);
    expect(endpoints()).toEqual(["sync", "sync", "sync"]);
  });

  test("plans nothing for a refund that is tracked no longer where there is no query", async () => {
    await start("2.0.6");
    await track();
    await replica.tracker.untrack({ account: "default", refundNo: "R1", bizRefundNo: "" });
    await embedded.advance(1_000);
    expect(await notify("SUCCEEDED", "1", false)).toBe("accepted");
    expect(queue.due().size).toBe(0);
    expect((await get()).nextAttemptAt).toBeUndefined();
  });
});
