import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AttemptResult, Claim, ClaimResult, SharedRefund } from "../../src/refund/shared.ts";
import { claimTimes, type RecordedAccount } from "../../src/tracking/records.ts";
import { type FakeTime, installFakeTime } from "../support/fake-time.ts";
import { createMemoryQueue, type MemoryQueue } from "../support/memory-jobs.ts";
import { type Replica, startReplica } from "../support/replica.ts";
import { openSharedDatabase, type SharedDatabase } from "../support/replica-database.ts";
import { failureOf, refundOf, verifiedOf } from "./values.ts";

let database: SharedDatabase;
let time: FakeTime;
let queue: MemoryQueue;
let replicas: Replica[];
beforeAll(async () => {
  database = await openSharedDatabase();
}, 60_000);
beforeEach(async () => {
  await database.clear();
  time = installFakeTime(database.isBusy);
  queue = createMemoryQueue(database.now);
  replicas = [];
});
afterEach(() => {
  for (const replica of replicas.splice(0)) replica[Symbol.dispose]();
  time[Symbol.dispose]();
});
afterAll(() => database[Symbol.asyncDispose]());

/** Starts a replica of the account "default" on 3.0.0. */
async function start(account: Partial<RecordedAccount> = {}): Promise<Replica> {
  const replica = await startReplica({ database, queue, release: "3.0.0", account });
  replicas.push(replica);
  return replica;
}

/** A result of a sync that the claim allowed. */
function resultOf(replica: Replica, claim: Claim | undefined, result: Partial<AttemptResult> = {}): AttemptResult {
  return {
    refund: refundOf(),
    attempt: undefined,
    claim,
    sync: claim && "ANSWERED",
    verified: verifiedOf("IN_PROGRESS", replica.clock.elapsed(), { repliedAt: replica.clock.now() }),
    ...result,
  };
}

/** A result of a query alone. */
const queried = (replica: Replica, status: Parameters<typeof verifiedOf>[0], result: Partial<AttemptResult> = {}) =>
  resultOf(replica, undefined, {
    verified: verifiedOf(status, replica.clock.elapsed(), { repliedAt: replica.clock.now() }),
    ...result,
  });

async function granted(replica: Replica, refund: SharedRefund = refundOf(), callMs?: number): Promise<Claim> {
  const result = await replica.shared.claim(refund, callMs);
  if (result.kind !== "granted") throw new Error(`expected a claim, got ${result.kind}`);
  return result.claim;
}

const kindOf = async (claim: Promise<ClaimResult>) => (await claim).kind;

async function rows(): Promise<Record<string, unknown>[]> {
  return await database.database.query("SELECT * FROM refund ORDER BY id", []);
}

async function track(replica: Replica, refund: { refundNo?: string; bizRefundNo?: string }, labels = {}) {
  const numbers = { refundNo: "", bizRefundNo: "", clientIp: "", nonceStr: "", ...refund };
  const [result] = await replica.tracker.track(
    [{ account: "default", refund: numbers, labels, expireAfterMs: undefined }],
    "caller",
  );
  return result;
}

async function kinds(replica: Replica): Promise<string[]> {
  return (await replica.journal.read(0, 100)).map(({ kind }) => kind);
}

describe("createRecords().claim()", () => {
  test("grants one replica, and holds the others until it has recorded an answer", async () => {
    const [a, b] = [await start(), await start()];
    const claim = await granted(a);
    expect(claim.sendBefore).toBe(a.clock.elapsed() + 5_000);
    const held = await b.shared.claim(refundOf(), undefined);
    if (held.kind !== "held") throw new Error(`expected held, got ${held.kind}`);
    let ended = false;
    held.ended.then(() => ended = true);
    await time.advance(999);
    expect(ended).toBe(false);
    await a.shared.commit(resultOf(a, claim));
    await time.advance(0);
    expect(ended).toBe(true);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("granted");
  });

  test("lets those that are held look again after a second, since a notification can be lost", async () => {
    const [a, b] = [await start(), await start()];
    await granted(a);
    const held = await b.shared.claim(refundOf(), undefined);
    let ended = false;
    if (held.kind === "held") held.ended.then(() => ended = true);
    await time.advance(1_000);
    expect(ended).toBe(true);
  });

  test("takes another replica's answer since 5 s before the call began for its own", async () => {
    const [a, b] = [await start(), await start()];
    await a.shared.commit(resultOf(a, await granted(a)));
    await time.advance(8_000);
    expect(await b.shared.claim(refundOf(), 3_001)).toMatchObject({ kind: "synced", state: { status: "IN_PROGRESS" } });
    // A call of its own nonce, and one that began later.
    expect(await kindOf(b.shared.claim(refundOf(), 3_000))).toBe("granted");
    await a.shared.commit(resultOf(a, await granted(a, refundOf({ refundNo: "R2", bizRefundNo: "B2" })), {
      refund: refundOf({ refundNo: "R2", bizRefundNo: "B2" }),
    }));
    expect(await kindOf(b.shared.claim(refundOf({ refundNo: "R2", bizRefundNo: "B2" }), undefined))).toBe("granted");
  });

  test("takes no answer for newer that lies in the future of a database's clock that was set back", async () => {
    const a = await start();
    await a.shared.commit(resultOf(a, await granted(a)));
    database.setClockOffset(-900_000);
    expect(await kindOf(a.shared.claim(refundOf(), 60_000))).toBe("granted");
  });

  test.each(["SUCCEEDED", "CLOSED"] as const)(
    "refuses a refund for ever that was once verified as %s",
    async (status) => {
      const [a, b] = [await start(), await start()];
      await a.shared.commit(queried(a, status));
      await time.advance(1_000);
      // DaxPay 3.x can report a closed refund as failed again.
      await a.shared.commit(queried(a, "FAILED"));
      expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("settled");
      const restarted = await start();
      expect(await kindOf(restarted.shared.claim(refundOf(), undefined))).toBe("settled");
    },
  );

  test("refuses a refund that was verified as CLOSED before its last state was", async () => {
    const [a, b] = [await start(), await start()];
    const verified = verifiedOf("CLOSED", a.clock.elapsed(), { repliedAt: a.clock.now() });
    await time.advance(2_000);
    await b.shared.commit(queried(b, "FAILED"));
    await a.shared.commit(resultOf(a, undefined, { verified }));
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("settled");
    expect(await rows()).toMatchObject([{ status: "FAILED", settled: true }]);
  });

  test("grants a settled refund without a signed name, whose release may be synced again", async () => {
    const a = await start();
    await a.shared.commit(queried(a, "CLOSED", { refund: refundOf({ bound: false }) }));
    expect(await kindOf(a.shared.claim(refundOf({ bound: false }), undefined))).toBe("granted");
  });

  test("keeps a refund in doubt whose replica was killed, for the settle timeout after its last chance to send", async () => {
    const [a, b] = [await start(), await start()];
    await granted(a);
    a.kill();
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("held");
    await time.advance(29_999);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("held");
    await time.advance(1);
    expect(await b.shared.claim(refundOf(), undefined)).toEqual({ kind: "doubt", ms: 35_000 });
    await time.advance(34_999);
    expect(await b.shared.claim(refundOf(), undefined)).toEqual({ kind: "doubt", ms: 1 });
    await time.advance(1);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("granted");
  });

  test("keeps a refund in doubt whose sync was not answered, until a query settles it or the settle timeout", async () => {
    const [a, b] = [await start(), await start()];
    await a.shared.commit(resultOf(a, await granted(a), { sync: "DOUBT", verified: undefined }));
    for (const replica of [a, b]) {
      expect(await replica.shared.claim(refundOf(), undefined)).toEqual({ kind: "doubt", ms: 60_000 });
    }
    await b.shared.commit(queried(b, "FAILED"));
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("doubt");
    await time.advance(60_000);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("granted");
    await b.shared.commit(queried(b, "CLOSED"));
    expect(await rows()).toMatchObject([{ settled: true }]);
  });

  test.each([-900_000, 900_000])("ends no claim by the database's clock, set by %d ms", async (ms) => {
    const [a, b] = [await start(), await start()];
    await granted(a);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("held");
    database.setClockOffset(ms);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("held");
    // So it is for a replica that sees the claim for the first time.
    expect(await kindOf((await start()).shared.claim(refundOf(), undefined))).toBe("held");
    await time.advance(64_999);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("doubt");
    await time.advance(1);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("granted");
  });

  test("lets an open claim of a refund without a signed name only hold while it can be answered", async () => {
    const [a, b] = [await start(), await start()];
    const refund = refundOf({ bound: false });
    await granted(a, refund);
    expect(await kindOf(b.shared.claim(refund, undefined))).toBe("held");
    await time.advance(30_000);
    expect(await kindOf(b.shared.claim(refund, undefined))).toBe("granted");
  });

  test("lets the refunds of one payment order wait for each other where the release says so", async () => {
    const other = refundOf({ refundNo: "R2", bizRefundNo: "B2" });
    const free = await start();
    await granted(free);
    expect(await kindOf(free.shared.claim(other, undefined))).toBe("granted");
    await database.clear();
    const [a, b] = [await start({ locksOrder: true }), await start({ locksOrder: true })];
    const claim = await granted(a);
    expect(await kindOf(b.shared.claim(other, undefined))).toBe("held");
    expect(await kindOf(b.shared.claim(refundOf({ refundNo: "R3", bizRefundNo: "B3", orderNo: "P2" }), undefined)))
      .toBe("granted");
    await a.shared.commit(resultOf(a, claim, { sync: "DOUBT", verified: undefined }));
    expect(await kindOf(b.shared.claim(other, undefined))).toBe("doubt");
    await time.advance(60_000);
    expect(await kindOf(b.shared.claim(other, undefined))).toBe("granted");
    // That of R1, which was over, has ended.
    expect(await rows()).toMatchObject([
      { refund_no: "R1", claim: null, in_doubt: false },
      { refund_no: "R2", claim: expect.any(String) },
      { refund_no: "R3", claim: expect.any(String) },
    ]);
  });

  test("says that the database is away, and ends a claim whose commit it did not hear of", async () => {
    const [a, b] = [await start({ mayContinue: true }), await start()];
    await a.records.merchantIdOf(a.account);
    a.database.setAway("after");
    expect(await a.shared.claim(refundOf(), undefined)).toEqual({ kind: "away", replaced: false, mayContinue: true });
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("held");
    a.database.setAway(undefined);
    await time.advance(1_000);
    expect(await kindOf(b.shared.claim(refundOf(), undefined))).toBe("granted");
    b.database.setAway("before");
    expect(await b.shared.claim(refundOf(), undefined)).toMatchObject({ kind: "away", mayContinue: false });
    expect([a.errors, b.errors]).toEqual([[], []]);
  });

  test("says that the database is another one, and reports it", async () => {
    const a = await start();
    await database.database.query("UPDATE identity SET store_id = gen_random_uuid()", []);
    expect(await a.shared.claim(refundOf(), undefined)).toMatchObject({ kind: "away", replaced: true });
    expect(a.errors).toMatchObject([{ name: "StoreReplacedError" }]);
  });
});

describe("createRecords().commit()", () => {
  test("ends the claim, and says since when the status is the same", async () => {
    const a = await start();
    const since = await a.shared.commit(resultOf(a, await granted(a)));
    expect(since).toBe(database.now());
    await time.advance(20_000);
    expect(await a.shared.commit(queried(a, "IN_PROGRESS"))).toBe(since);
    expect(await rows()).toMatchObject([{ claim: null, status: "IN_PROGRESS", unchanged_count: 1, order_no: "P1" }]);
  });

  test("ends an unsent sync's claim without taking it for one that was answered", async () => {
    const [a, b] = [await start(), await start()];
    await a.shared.commit(resultOf(a, await granted(a), { sync: "NOT_SENT", verified: undefined }));
    expect(await kindOf(b.shared.claim(refundOf(), 60_000))).toBe("granted");
  });

  test("records a result once that is repeated because its first commit was not heard of", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const claim = await granted(a);
    a.database.failNext("after");
    const verified = verifiedOf("CLOSED", a.clock.elapsed(), { repliedAt: a.clock.now() });
    expect(await a.shared.commit(resultOf(a, claim, { verified }))).toBeUndefined();
    expect(a.records.unrecorded()).toBe(1);
    await time.advance(1_000);
    expect(a.records.unrecorded()).toBe(0);
    expect(await kinds(a)).toEqual(["TRACKED", "FINAL"]);
    expect(await rows()).toMatchObject([{ claim: null, in_doubt: false, tracking_state: "FINAL" }]);
  });

  test("takes a result whose claim another replica has taken over for evidence only", async () => {
    const [a, b] = [await start(), await start()];
    const late = await granted(a);
    await b.shared.claim(refundOf(), undefined);
    await time.advance(65_000);
    const taken = await granted(b);
    await a.shared.commit(resultOf(a, late));
    expect(await rows()).toMatchObject([{ claim: taken.token, synced_at: null, status: "IN_PROGRESS" }]);
    await a.shared.commit(resultOf(a, late, { sync: "DOUBT", verified: undefined }));
    expect(await rows()).toMatchObject([{ claim: taken.token, in_doubt: false }]);
    // b ends its claim itself.
    await a.shared.commit(queried(a, "CLOSED"));
    expect(await rows()).toMatchObject([{ claim: taken.token, settled: true }]);
    await b.shared.commit(resultOf(b, taken, { sync: "DOUBT", verified: undefined }));
    await a.shared.commit(queried(a, "CLOSED"));
    expect(await rows()).toMatchObject([{ claim: null, in_doubt: false }]);
  });

  test("keeps results while the database is away, and records them in order when it is back", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    await track(a, { refundNo: "R2" });
    a.database.setAway("before");
    for (const [refundNo, status] of [["R1", "IN_PROGRESS"], ["R2", "FAILED"], ["R1", "CLOSED"]] as const) {
      await a.shared.commit(queried(a, status, { refund: refundOf({ refundNo, bizRefundNo: "" }) }));
      await time.advance(700);
    }
    expect(a.records.unrecorded()).toBe(3);
    a.database.setAway(undefined);
    // Nothing overtakes what waits.
    await a.shared.commit(queried(a, "CLOSED", { refund: refundOf({ refundNo: "R2", bizRefundNo: "" }) }));
    expect(a.records.unrecorded()).toBe(4);
    await time.advance(1_000);
    expect(a.records.unrecorded()).toBe(0);
    expect(await kinds(a)).toEqual(["TRACKED", "TRACKED", "CHANGED", "CHANGED", "FINAL", "FINAL"]);
    expect(a.errors).toEqual([]);
  });

  test("keeps no result for a database that is another one", async () => {
    const a = await start();
    await database.database.query("UPDATE identity SET store_id = gen_random_uuid()", []);
    await a.shared.commit(queried(a, "CLOSED"));
    expect(a.records.unrecorded()).toBe(0);
    expect(a.errors).toMatchObject([{ name: "StoreReplacedError" }]);
  });

  test("plans the next attempt by the schedule, and an outsider's not earlier than it may be made", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const [{ id }] = await a.jobs.fetch(1, []);
    const startedAt = database.now();
    await a.shared.commit(queried(a, "FAILED", { attempt: 2 }));
    expect(await rows()).toMatchObject([{ attempts: 2, next_attempt_at: new Date(startedAt + 30_000) }]);
    expect(queue.due().get(Number(id))).toEqual(new Date(startedAt + 30_000));
    await time.advance(25_000);
    await a.shared.commit(queried(a, "FAILED"));
    expect(await rows()).toMatchObject([{ attempts: 2, next_attempt_at: new Date(startedAt + 35_000) }]);
  });

  test("goes on with the schedule of a refund whose later state is known, though an older one was final", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const [{ id }] = await a.jobs.fetch(1, []);
    const verified = verifiedOf("CLOSED", a.clock.elapsed(), { repliedAt: a.clock.now() });
    await time.advance(2_000);
    const now = database.now();
    await a.shared.commit(queried(a, "FAILED"));
    await a.shared.commit(resultOf(a, undefined, { verified, attempt: 1 }));
    expect(await rows()).toMatchObject([{ tracking_state: "ACTIVE", next_attempt_at: new Date(now + 10_000) }]);
    expect(queue.due().get(Number(id))).toEqual(new Date(now + 10_000));
  });
});

describe("createRecords() with a row by its bizRefundNo", () => {
  const byBiz = refundOf({ refundNo: "", bound: false });

  test("makes it the refund's own once a signed reply names both numbers", async () => {
    const a = await start();
    await track(a, { bizRefundNo: "B1" }, { order: "7" });
    await a.shared.commit(queried(a, "FAILED"));
    expect(await rows()).toMatchObject([{ refund_no: "R1", biz_refund_no: "B1", labels: { order: "7" } }]);
    expect(await a.tracker.get({ account: "default", refundNo: "R1", bizRefundNo: "" }))
      .toMatchObject({ trackingState: "ACTIVE", labels: { order: "7" }, state: { status: "FAILED" } });
  });

  test("does not believe a caller that they belong together", async () => {
    const a = await start();
    await track(a, { refundNo: "R1", bizRefundNo: "B2" });
    await track(a, { bizRefundNo: "B2" });
    expect(await rows()).toMatchObject([
      { refund_no: "R1", biz_refund_no: null },
      { refund_no: null, biz_refund_no: "B2" },
    ]);
  });

  test("merges it into the refund's own row, with its tracking, its labels and a job", async () => {
    const a = await start();
    await a.shared.commit(queried(a, "IN_PROGRESS", { refund: refundOf({ bizRefundNo: "" }) }));
    await track(a, { bizRefundNo: "B1" }, { order: "7" });
    const [{ id: from }] = await a.jobs.fetch(1, []);
    expect(await rows()).toHaveLength(2);
    await a.shared.commit(queried(a, "FAILED", { attempt: 1 }));
    const [row, ...others] = await rows();
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      refund_no: "R1",
      biz_refund_no: "B1",
      tracking_state: "ACTIVE",
      labels: { order: "7" },
      tracked_by: "caller",
      attempts: 1,
      status: "FAILED",
    });
    expect(from).not.toBe(row.id);
    expect([...queue.due().keys()]).toEqual([row.id]);
    expect(await kinds(a)).toEqual(["TRACKED", "CHANGED"]);
  });

  test("merges it when it is claimed, too", async () => {
    const a = await start();
    await a.shared.commit(queried(a, "IN_PROGRESS", { refund: refundOf({ bizRefundNo: "" }) }));
    await track(a, { bizRefundNo: "B1" });
    await granted(a);
    const [row] = await rows();
    expect(queue.due().has(Number(row.id))).toBe(true);
  });

  test("adds its labels to those of a refund that is tracked already", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" }, { a: "1", b: "1" });
    await track(a, { bizRefundNo: "B1" }, { b: "2" });
    await a.shared.commit(queried(a, "FAILED"));
    expect(await rows()).toMatchObject([{ refund_no: "R1", labels: { a: "1", b: "2" }, tracking_state: "ACTIVE" }]);
  });

  test("goes on with its tracking where that of the refund's own row has ended", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" }, { a: "1" });
    await a.tracker.untrack({ account: "default", refundNo: "R1", bizRefundNo: "" });
    await track(a, { bizRefundNo: "B1" }, { b: "2" });
    await a.shared.commit(queried(a, "FAILED"));
    expect(await rows()).toMatchObject([{ labels: { a: "1", b: "2" }, tracking_state: "ACTIVE" }]);
  });

  test("finds it by the bizRefundNo of the application only", async () => {
    const [a, b] = [await start(), await start({ appId: "another" })];
    await a.shared.commit(queried(a, "FAILED", { refund: byBiz }));
    const request = { refundNo: "", bizRefundNo: "B1", clientIp: "", nonceStr: "" };
    expect(await a.shared.find(request)).toMatchObject({ state: { status: "FAILED" }, tracked: false });
    expect(await b.shared.find(request)).toBeUndefined();
  });
});

describe("createRecords().find()", () => {
  const request = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };

  test("tells the state, when the next attempt may be made, and whether it is tracked", async () => {
    const [a, b] = [await start(), await start()];
    expect(await b.shared.find(request)).toBeUndefined();
    await a.shared.commit(queried(a, "FAILED", { attempt: 2 }));
    await time.advance(10_000);
    expect(await b.shared.find(request)).toMatchObject({
      state: { status: "FAILED", unchangedSince: database.now() - 10_000 },
      attempts: 2,
      dueInMs: 20_000,
      tracked: false,
    });
    await time.advance(25_000);
    expect(await b.shared.find(request)).toMatchObject({ attempts: 0, dueInMs: 0 });
  });

  test("waits no longer than the schedule when the database's clock was set back", async () => {
    const a = await start();
    await a.shared.commit(queried(a, "FAILED", { attempt: 2 }));
    database.setClockOffset(-900_000);
    expect(await a.shared.find(request)).toMatchObject({ dueInMs: 600_000 });
  });

  test("finds nothing while the database is away", async () => {
    const a = await start();
    await a.shared.commit(queried(a, "FAILED"));
    a.database.setAway("before");
    expect(await a.shared.find(request)).toBeUndefined();
    expect(a.errors).toEqual([]);
  });
});

describe("createRecords().fail()", () => {
  test("tells FAILING, and plans the next attempt after the failure's delay", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const [{ id }] = await a.jobs.fetch(1, []);
    await a.records.fail(Number(id), failureOf("SYNC_IN_DOUBT", { retryDelayMs: 45_000 }), 1);
    expect(queue.due().get(Number(id))).toEqual(new Date(database.now() + 45_000));
    await a.records.fail(Number(id), failureOf("SIGNATURE_REJECTED", { retryDelayMs: undefined }), 2);
    expect(await rows()).toMatchObject([{ attempts: 2, next_attempt_at: new Date(database.now() + 300_000) }]);
    expect(await kinds(a)).toEqual(["TRACKED", "FAILING"]);
  });

  test("plans no attempt where the failure ends tracking", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const [{ id }] = await a.jobs.fetch(1, []);
    await a.records.fail(Number(id), failureOf("REFUND_NOT_FOUND", { retryDelayMs: undefined }), 1);
    expect(await rows()).toMatchObject([{ tracking_state: "FAILED", next_attempt_at: null, attempts: 1 }]);
    expect(queue.due().size).toBe(0);
    expect(a.jobs.isActive(Number(id))).toBe(false);
  });

  test("changes nothing where the tracking has ended meanwhile", async () => {
    const a = await start();
    await track(a, { refundNo: "R1" });
    const [{ id }] = await a.jobs.fetch(1, []);
    await a.shared.commit(queried(a, "CLOSED"));
    await a.records.fail(Number(id), failureOf("UPSTREAM_TIMEOUT"), 1);
    expect(await rows()).toMatchObject([{ tracking_state: "FINAL", next_attempt_at: null, attempts: 0 }]);
  });
});

describe("createRecords().endOverClaims()", () => {
  test("ends the claims of refunds that nobody asks for, when their syncs are over", async () => {
    const [a, b] = [await start(), await start()];
    await granted(a);
    a.kill();
    const sweep = () => b.records.endOverClaims(() => claimTimes(b.account));
    await sweep();
    await time.advance(64_999);
    await sweep();
    expect(await rows()).toMatchObject([{ claim: expect.any(String) }]);
    await time.advance(1);
    await sweep();
    expect(await rows()).toMatchObject([{ claim: null }]);
  });
});

describe("createRecords().flush()", () => {
  test("records what waits, and gives up after the timeout", async () => {
    const a = await start();
    a.database.setAway("before");
    await a.shared.commit(queried(a, "FAILED"));
    a.database.setAway(undefined);
    await a.records.flush(1_000);
    expect(await rows()).toMatchObject([{ status: "FAILED" }]);
    a.database.setAway("before");
    await a.shared.commit(queried(a, "CLOSED"));
    const flushed = a.records.flush(1_000);
    await time.advance(1_000);
    await flushed;
    expect(a.records.unrecorded()).toBe(0);
    expect(await rows()).toMatchObject([{ status: "FAILED" }]);
  });
});
