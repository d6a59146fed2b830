import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Refunds } from "../../src/refund/refunds.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";
import { createMemoryQueue, type MemoryQueue } from "../support/memory-jobs.ts";
import { type Replica, startReplica } from "../support/replica.ts";
import { openSharedDatabase, type SharedDatabase } from "../support/replica-database.ts";

let database: SharedDatabase;
let embedded: Embedded;
let queue: MemoryQueue;
let replicas: Replica[];
beforeAll(async () => {
  database = await openSharedDatabase();
}, 60_000);
beforeEach(async () => {
  await database.clear();
  embedded = createEmbedded({ release: "3.0.0", isBusy: database.isBusy });
  queue = createMemoryQueue(database.now);
  replicas = [];
});
afterEach(() => {
  for (const replica of replicas.splice(0)) replica[Symbol.dispose]();
  embedded[Symbol.dispose]();
});
afterAll(() => database[Symbol.asyncDispose]());

/** A replica with a worker in front of the embedded DaxPay. */
async function start() {
  const replica = await startReplica({ database, queue, release: "3.0.0", sweeps: true });
  replicas.push(replica);
  const { refunds } = embedded.start(
    { shared: replica.shared, clock: replica.clock },
    replica.withGate(embedded.daxpay.fetch),
  );
  return { replica, refunds, worker: replica.startWorker(refunds) };
}

async function track(replica: Replica, expireAfterMs?: number): Promise<void> {
  const refund = { refundNo: "R1", bizRefundNo: "", clientIp: "10.0.0.1", nonceStr: "" };
  await replica.tracker.track([{ account: "default", refund, labels: {}, expireAfterMs }], "");
}

const get = (replica: Replica) => replica.tracker.get({ account: "default", refundNo: "R1", bizRefundNo: "" });
const kinds = async (replica: Replica) => (await replica.journal.read(0, 100)).map(({ kind }) => kind);
const requests = (endpoint: string) =>
  embedded.daxpay.requests.filter((request) => request.endpoint === endpoint && request.members?.refundNo === "R1");
const sync = (refunds: Refunds) =>
  refunds.sync({ refundNo: "R1", bizRefundNo: "", clientIp: "10.0.0.1", nonceStr: "" }, {
    signal: new AbortController().signal,
    timeoutMs: 30_000,
  });

describe("startWorker()", () => {
  test("makes each attempt once over all replicas, by the schedule, until the state is final", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING" });
    const [{ replica }] = [await start(), await start(), await start()];
    await track(replica);
    await embedded.advance(45_000);
    expect(requests("sync")).toHaveLength(3);
    embedded.daxpay.setChannel("R1", { state: "SUCCESS" });
    await embedded.advance(70_000);
    expect(requests("sync")).toHaveLength(4);
    expect(await get(replica)).toMatchObject({ trackingState: "FINAL", attempts: 4 });
    expect(await kinds(replica)).toEqual(["TRACKED", "CHANGED", "FINAL"]);
    expect(queue.due().size).toBe(0);
    expect(replicas.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("lets another replica take the refunds of one that was killed, after the sync is over", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING", latencyMs: 3_000 });
    const { replica: a } = await start();
    await track(a);
    await embedded.advance(600);
    expect(requests("sync")).toHaveLength(1);
    a.kill();
    const { replica: b } = await start();
    await embedded.advance(60_000);
    expect(requests("sync")).toHaveLength(1);
    expect((await get(b)).lastFailure).toMatchObject({ reason: "SYNC_IN_DOUBT" });
    await embedded.advance(60_000);
    expect(requests("sync").length).toBeGreaterThan(1);
    expect(await get(b)).toMatchObject({ trackingState: "ACTIVE", state: { status: "IN_PROGRESS" } });
    expect(await kinds(b)).toEqual(["TRACKED", "CHANGED"]);
  });

  test("ends tracking with EXPIRED, which is no failure", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING" });
    const { replica } = await start();
    await track(replica, 15_000);
    await embedded.advance(16_000);
    const expired = await get(replica);
    expect(expired).toMatchObject({ trackingState: "EXPIRED", state: { status: "IN_PROGRESS" } });
    expect(expired.nextAttemptAt).toBeUndefined();
    expect(await kinds(replica)).toEqual(["TRACKED", "CHANGED", "EXPIRED"]);
    const before = requests("query").length;
    await embedded.advance(60_000);
    expect(requests("query")).toHaveLength(before);
    expect(queue.due().size).toBe(0);
  });

  test("ends tracking where DaxPay does not know the refund", async () => {
    const { replica } = await start();
    await track(replica);
    await embedded.advance(1_000);
    expect(await get(replica)).toMatchObject({ trackingState: "FAILED", lastFailure: { reason: "REFUND_NOT_FOUND" } });
    expect(await kinds(replica)).toEqual(["TRACKED", "FAILING"]);
    expect(queue.due().size).toBe(0);
  });

  test("tells FAILING and RECOVERED once each", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING" });
    const { replica } = await start();
    embedded.daxpay.setFault("reset", { endpoint: "query" });
    await track(replica);
    await embedded.advance(120_000);
    expect(await kinds(replica)).toEqual(["TRACKED", "FAILING"]);
    expect((await get(replica)).attempts).toBeGreaterThan(1);
    embedded.daxpay.clearFaults();
    await embedded.advance(300_000);
    expect(await kinds(replica)).toEqual(["TRACKED", "FAILING", "RECOVERED", "CHANGED"]);
  });

  test("keeps to the schedule of a settled refund that DaxPay reports as unfinished again", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "fail", state: "PROCESSING" });
    const { replica } = await start();
    // A reply of long ago, for example of another replica that recorded it late.
    await track(replica);
    await database.database.query("UPDATE refund SET settled = true", []);
    await embedded.advance(65_000);
    expect(requests("sync")).toHaveLength(0);
    expect(requests("query")).toHaveLength(3);
    expect(await get(replica)).toMatchObject({ trackingState: "ACTIVE", attempts: 3, state: { status: "FAILED" } });
  });

  test("goes on where the database was away, without a second sync of what was sent", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "CLOSED", latencyMs: 3_000 });
    const { replica } = await start();
    await track(replica);
    await embedded.advance(600);
    replica.database.setAway("before");
    await embedded.advance(30_000);
    replica.database.setAway(undefined);
    await embedded.advance(15_000);
    expect(requests("sync")).toHaveLength(1);
    expect(embedded.daxpay.refund("R1")).toMatchObject({ credits: 1 });
    expect(await get(replica)).toMatchObject({ trackingState: "FINAL" });
    expect(await kinds(replica)).toEqual(["TRACKED", "FINAL"]);
    expect(replica.errors).toEqual([]);
  });

  test("shares the sync of a caller, whose answer plans the next attempt", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING", latencyMs: 2_000 });
    const { replica, refunds } = await start();
    const call = sync(refunds);
    await embedded.advance(100);
    await track(replica);
    await embedded.advance(2_500);
    expect(await call).toMatchObject({ status: "IN_PROGRESS" });
    expect(requests("sync")).toHaveLength(1);
    expect(queue.due().size).toBe(1);
    expect((await get(replica)).nextAttemptAt).toBeGreaterThan(database.now());
  });

  test("gives its jobs back when it stops", async () => {
    embedded.daxpay.addRefund({ refundNo: "R1", status: "progress", state: "PROCESSING" });
    const { replica, worker } = await start();
    embedded.daxpay.setFault("hang", { endpoint: "query", times: 1 });
    await track(replica);
    await embedded.advance(600);
    expect(worker.running()).toBe(1);
    const stopped = worker.stop();
    await embedded.advance(0);
    await stopped;
    expect(worker.running()).toBe(0);
    expect([...queue.due().values()].map((at) => at.getTime() <= database.now())).toEqual([true]);
  });
});
