import process from "node:process";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/refund/clock.ts";
import type { Database } from "../../src/store/database.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { createStoreGuard, readStoreId } from "../../src/store/identity.ts";
import { createJournal, type Journal, type JournalEntry } from "../../src/store/journal.ts";
import { listenForNotifications, type Notifications } from "../../src/store/notifications.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { pruneJournal } from "../../src/store/prune.ts";
import { verifyJournal } from "../../src/store/verify.ts";
import { entryOf } from "../../src/tracking/event.ts";
import { createEvents, type Events } from "../../src/tracking/events.ts";
import { scheduleHeadLog } from "../../src/tracking/head-log.ts";
import type { StreamedEvent } from "../../src/tracking/tracking.ts";
import { createManualClock, type ManualClock } from "../support/clock.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { applyTables } from "../support/tables.ts";

const KEY = "a".repeat(32);
const HOUR = 3_600_000;
/** Of the test with several writers: 10000 takes half a minute. */
const EVENTS = Number(process.env.EVENTS_RUNS ?? 800);

interface Replica extends AsyncDisposable {
  readonly database: Database;
  readonly journal: Journal;
  readonly events: Events;
  readonly storeId: string;
}

/** What one process has. */
async function openReplica(database: Database, clock = systemClock): Promise<Replica> {
  const storeId = await readStoreId(database);
  const journal = createJournal({ database, key: KEY, guard: createStoreGuard(storeId) });
  const notifications = listenForNotifications(database);
  const events = createEvents({ journal, notifications, clock, storeId });
  return { database, journal, events, storeId, [Symbol.asyncDispose]: () => notifications[Symbol.asyncDispose]() };
}

function entry(refundNo: string, account = "default"): JournalEntry {
  return entryOf({
    kind: "CHANGED",
    account,
    refundNo,
    bizRefundNo: "",
    state: undefined,
    previousStatus: "IN_PROGRESS",
    labels: { shop: "1" },
    failure: undefined,
    evidence: undefined,
  }, 1);
}

const all = { accounts: undefined, afterCursor: "" };
const forever = new AbortController().signal;

/** The refundNo of the stream's next event, or its heartbeat's cursor. */
async function read(stream: AsyncIterator<StreamedEvent>): Promise<string> {
  const { value } = await stream.next();
  return value.kind === "event" ? value.event.refundNo : `heartbeat ${value.cursor}`;
}

describe("on PGlite", () => {
  let database: Database;
  let replica: Replica;
  let clock: ManualClock;

  beforeAll(async () => void (database = await openEmbedded()));
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(async () => {
    await applyTables(database);
    clock = createManualClock();
    replica = await openReplica(database, clock);
    return () => replica[Symbol.asyncDispose]();
  });

  const append = (...entries: readonly JournalEntry[]) =>
    database.transaction((tx) => replica.journal.append(tx, entries));
  const cursor = (seq: number, store = replica.storeId.slice(0, 8)) => `1-${store}-${seq}`;

  test("list() returns the events after a cursor, of the accounts, at most as many as asked for", async () => {
    const { events } = replica;
    await append(entry("R1", "a"), entry("R2", "b"), entry("R3", "a"), entry("R4", "a"));
    const first = await events.list(all, 2);
    expect(first.map(({ refundNo, cursor }) => [refundNo, cursor])).toEqual([["R1", cursor(1)], ["R2", cursor(2)]]);
    expect((await events.list({ ...all, afterCursor: cursor(2) }, 9)).map(({ refundNo }) => refundNo)).toEqual([
      "R3",
      "R4",
    ]);
    expect((await events.list({ accounts: ["a"], afterCursor: "" }, 2)).map(({ refundNo }) => refundNo)).toEqual([
      "R1",
      "R3",
    ]);
    expect(await events.list({ accounts: ["c"], afterCursor: "" }, 9)).toEqual([]);
    expect(await events.list({ ...all, afterCursor: cursor(4) }, 9)).toEqual([]);
  });

  test.each([
    ["garbage", () => "x\0".repeat(99), /^expected a cursor of this service, got "x\\u0000/],
    ["another version", () => `2${cursor(1).slice(1)}`, /got "2-/],
    ["another database's cursor", () => cursor(1, "00000000"), /got one of another database, or from before .*adopted/],
    ["a cursor behind the head", () => cursor(2), /got one behind the last event/],
  ])("list() and stream() reject %s", async (_what, cursorOf, message) => {
    await append(entry("R1"));
    const query = { ...all, afterCursor: cursorOf() };
    const expected = { reason: "INVALID_REQUEST", field: "after_cursor", message: expect.stringMatching(message) };
    await expect(replica.events.list(query, 9)).rejects.toMatchObject(expected);
    await expect(replica.events.stream(query, forever).next()).rejects.toMatchObject(expected);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("list() and stream() name the oldest cursor where the events were pruned", async () => {
    await append(entry("R1"), entry("R2"), entry("R3"));
    await pruneJournal(database, KEY, -HOUR);
    await append(entry("R4"));
    const expired = { ...all, afterCursor: cursor(2) };
    const expected = { reason: "CURSOR_EXPIRED", oldestCursor: cursor(3) };
    await expect(replica.events.list(expired, 9)).rejects.toMatchObject(expected);
    await expect(replica.events.stream(expired, forever).next()).rejects.toMatchObject(expected);
    for (const afterCursor of ["", cursor(3)]) {
      expect((await replica.events.list({ ...all, afterCursor }, 9)).map(({ refundNo }) => refundNo)).toEqual(["R4"]);
      await using stream = replica.events.stream({ ...all, afterCursor }, forever);
      expect(await read(stream)).toBe("R4");
    }
  });

  test("stream() continues with each event as it is committed, and reads once for all streams", async () => {
    await append(entry("R1"), entry("R2", "b"));
    await using one = replica.events.stream(all, forever);
    await using other = replica.events.stream({ accounts: ["b"], afterCursor: "" }, forever);
    expect([await read(one), await read(one), await read(other)]).toEqual(["R1", "R2", "R2"]);
    const waiting = Promise.all([read(one), read(other)]);
    await clock.advance(0);
    await append(entry("R3"));
    await append(entry("R4", "b"));
    expect(await waiting).toEqual(["R3", "R4"]);
    expect(await read(one)).toBe("R4");
  });

  test("stream() finds what no notification told of after 5 s", async () => {
    const silent: Pick<Notifications, "onJournal"> = { onJournal: () => () => {} };
    const events = createEvents({ ...replica, notifications: silent, clock });
    await using stream = events.stream(all, forever);
    const next = read(stream);
    await expect.poll(() => clock.pendingTimers()).toBe(2);
    await append(entry("R1"));
    await clock.advance(5_000);
    expect(await next).toBe("R1");
  });

  test("stream() sends a heartbeat after every 20 s of silence, whose cursor resumes there", async () => {
    await append(entry("R1"), entry("R2", "b"));
    const query = { accounts: ["a"], afterCursor: "" };
    const stream = replica.events.stream(query, forever);
    for (const _ of [1, 2]) {
      const next = read(stream);
      let done = false;
      next.then(() => done = true);
      // The first page is read without the clock.
      await expect.poll(() => clock.pendingTimers()).toBe(2);
      await clock.advance(19_000);
      expect(done).toBe(false);
      await clock.advance(1_000);
      expect(await next).toBe(`heartbeat ${cursor(2)}`);
    }
    await stream.return(undefined);
    expect(clock.pendingTimers()).toBe(0);
    await append(entry("R3", "a"));
    await using resumed = replica.events.stream({ ...query, afterCursor: cursor(2) }, forever);
    expect(await read(resumed)).toBe("R3");
  });

  test("a reader that fell behind by more than the tail keeps misses nothing", async () => {
    await using slow = replica.events.stream(all, forever);
    await using quick = replica.events.stream(all, forever);
    await append(entry("R0"));
    expect([await read(slow), await read(quick)]).toEqual(["R0", "R0"]);
    const names = Array.from({ length: 1_500 }, (_, n) => `R${n + 1}`);
    for (let from = 0; from < names.length; from += 300) {
      await append(...names.slice(from, from + 300).map((name) => entry(name)));
      for (const name of names.slice(from, from + 300)) expect(await read(quick)).toBe(name);
    }
    for (const name of names) expect(await read(slow)).toBe(name);
  });

  test("stream() ends with the signal's reason, also where it waits, and return() ends a read", async () => {
    const controller = new AbortController();
    const stream = replica.events.stream(all, controller.signal);
    const next = stream.next();
    controller.abort(new Error("shutdown"));
    await expect(next).rejects.toThrow("shutdown");
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    await expect(replica.events.stream(all, controller.signal).next()).rejects.toThrow("shutdown");
    const other = replica.events.stream(all, forever);
    const waiting = other.next();
    await other.return(undefined);
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(clock.pendingTimers()).toBe(0);
  });

  test("stream() ends as STORE_REPLACED once the journal is shorter", async () => {
    await append(entry("R1"), entry("R2"));
    await using stream = replica.events.stream(all, forever);
    expect([await read(stream), await read(stream)]).toEqual(["R1", "R2"]);
    const next = stream.next();
    next.catch(() => {});
    await expect.poll(() => clock.pendingTimers()).toBe(2);
    await database.query("DELETE FROM journal WHERE seq = 2");
    await clock.advance(5_000);
    await expect(next).rejects.toMatchObject({ reason: "STORE_REPLACED", message: /migrate --adopt/ });
  });

  test("scheduleHeadLog() logs the head now and every hour, as verifyJournal() expects it", async () => {
    await append(entry("R1"));
    const heads: string[] = [];
    using _log = scheduleHeadLog(replica.journal, clock, (head) => heads.push(head));
    await expect.poll(() => heads.length).toBe(1);
    await append(entry("R2"));
    await clock.advance(HOUR);
    await expect.poll(() => heads.length).toBe(2);
    const [{ hash }] = await database.query<{ hash: string }>(
      "SELECT encode(hash, 'hex') AS hash FROM journal WHERE seq = 2",
    );
    expect(heads).toEqual([expect.stringMatching(/^1:[0-9a-f]{64}$/), `2:${hash}`]);
  });
});

/** What ends the stream. */
async function errorOf(stream: AsyncIterable<StreamedEvent>): Promise<unknown> {
  try {
    for await (const _ of stream);
  } catch (error) {
    return error;
  }
}

const poolOf = (url: string) =>
  openPostgres({ url, maxConnections: 10, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000 });
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

postgresTest(
  "readers on two replicas, killed and resumed, see each event of 8 writers once and in order",
  async ({ databaseUrl }) => {
    await using one = poolOf(databaseUrl);
    await using two = poolOf(databaseUrl);
    await applyTables(one);
    await using first = await openReplica(one);
    await using second = await openReplica(two);
    const replicas = [first, second];
    const written: string[] = [];
    const failed = new AbortController();
    const started = performance.now();

    async function write(writer: number): Promise<void> {
      const { database, journal } = replicas[writer % 2];
      for (let n = 0; n < EVENTS / 8; n++) {
        const refundNo = `R${writer}-${n}`;
        const rollBack = Math.random() < 0.05;
        await database.transaction(async (tx) => {
          await tx.query("SELECT 1");
          await delay(Math.random() * 3);
          await journal.append(tx, [entry(refundNo)]);
          if (Math.random() < 0.05) await delay(Math.random() * 3);
          if (rollBack) throw new Error("rolled back");
        }).catch((error) => {
          if (!rollBack) throw error;
          n--;
        });
        if (!rollBack) written.push(refundNo);
      }
    }

    async function readAll(reader: number): Promise<{ readonly read: string[]; readonly cursors: string[] }> {
      const read: string[] = [];
      const cursors: string[] = [];
      for (let life = reader; read.length < EVENTS; life++) {
        const controller = new AbortController();
        const afterCursor = cursors.at(-1) ?? "";
        const stream = replicas[life % 2].events.stream(
          { ...all, afterCursor },
          AbortSignal.any([controller.signal, failed.signal]),
        );
        const lifetime = 1 + Math.random() * EVENTS / 5;
        for (let n = 0; n < lifetime && read.length < EVENTS; n++) {
          const { value } = await stream.next();
          if (value?.kind !== "event") continue;
          read.push(value.event.refundNo);
          cursors.push(value.event.cursor);
        }
        // Killed while the next read waits.
        const last = stream.next();
        controller.abort(new Error("killed"));
        await last.catch(() => {});
      }
      return { read, cursors };
    }

    const writing = Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
      .then(() => performance.now() - started);
    writing.catch((error) => failed.abort(error));
    const readers = await Promise.all([readAll(0), readAll(1), readAll(0)]);
    const readMs = performance.now() - started;
    const writtenMs = await writing;
    if (process.env.EVENTS_RUNS) {
      const rate = (ms: number) => `${Math.round(EVENTS / (ms / 1000))} events/s`;
      console.log(`${EVENTS} events: written at ${rate(writtenMs)}, read by the last reader at ${rate(readMs)}`);
    }
    const prefix = first.storeId.slice(0, 8);
    const expected = Array.from({ length: EVENTS }, (_, n) => `1-${prefix}-${n + 1}`);
    for (const { read, cursors } of readers) {
      expect(cursors).toEqual(expected);
      expect(read).toEqual(readers[0].read);
    }
    expect(readers[0].read.toSorted()).toEqual(written.toSorted());
    expect(await verifyJournal(one, KEY)).toMatchObject({ kind: "intact", rows: EVENTS });
  },
  180_000,
);

postgresTest(
  "a stream outlasts a restart of the database, and ends as STORE_UNAVAILABLE after 15 s without it",
  async ({ postgres }) => {
    await using database = poolOf(await postgres.createDatabase());
    await applyTables(database);
    const clock = createManualClock();
    await using replica = await openReplica(database, clock);
    const append = (name: string) => database.transaction((tx) => replica.journal.append(tx, [entry(name)]));
    await using atTail = replica.events.stream(all, forever);
    await append("R1");
    expect(await read(atTail)).toBe("R1");
    const next = read(atTail);
    await expect.poll(() => clock.pendingTimers()).toBe(2);

    await postgres.stop();
    await clock.advance(5_000);
    await using paging = replica.events.stream(all, forever);
    const page = read(paging);
    for (let passed = 0; passed < 10_000; passed += 500) {
      await clock.advance(500);
      await delay(5);
    }
    await postgres.start();
    await append("R2");
    // Each failed attempt takes real time before it waits for the clock.
    for (let passed = 0; passed < 30; passed++) {
      await clock.advance(100);
      await delay(10);
    }
    expect([await page, await next]).toEqual(["R1", "R2"]);

    const failed = Promise.all([atTail, paging].map(errorOf));
    await delay(50);
    await postgres.stop();
    let over = false;
    failed.then(() => over = true);
    for (let passed = 0; passed < 18_000; passed += 200) {
      await clock.advance(200);
      await delay(5);
    }
    await expect.poll(async () => (await clock.advance(1000), over)).toBe(true);
    const expected = { reason: "STORE_UNAVAILABLE", retryDelayMs: 1000 };
    expect(await failed).toMatchObject([expected, expected]);
    await postgres.start();
  },
  60_000,
);
