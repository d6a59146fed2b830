import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hexOf } from "../../src/store/chain.ts";
import { type Database, type Sql, StoreReplacedError } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { createStoreGuard, readStoreId } from "../../src/store/identity.ts";
import { createJournal, type Journal, type JournalEntry } from "../../src/store/journal.ts";
import { JournalBrokenError, pruneJournal } from "../../src/store/prune.ts";
import { verifyJournal } from "../../src/store/verify.ts";
import { applyTables } from "../support/tables.ts";

const KEY = "a".repeat(32);
const HOUR = 3_600_000;

let database: Database;
let storeId: string;
let journal: Journal;

beforeAll(async () => void (database = await openTestDatabase()));
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await applyTables(database);
  storeId = await readStoreId(database);
  journal = openJournal();
});

/** The journal as another process has it. */
function openJournal(key: string = KEY): Journal {
  return createJournal({ database, key, guard: createStoreGuard(storeId) });
}

function entry(n: number, changes: Partial<JournalEntry> = {}): JournalEntry {
  return { account: "default", refundId: n, kind: "CHANGED", body: `{"n":${n}}`, ...changes };
}

async function append(count: number, target = journal): Promise<void> {
  for (let n = 1; n <= count; n++) await database.transaction((tx) => target.append(tx, [entry(n)]));
}

const verify = (key: string = KEY) => verifyJournal(database, key);

async function logged() {
  const { seq, hash } = await journal.head();
  return { seq, hash };
}

describe("append()", () => {
  test("numbers rows from 1 without gaps, also after a rollback, and returns what read() returns", async () => {
    const first = await database.transaction((tx) => journal.append(tx, [entry(1), entry(2)]));
    const failed = database.transaction(async (tx) => {
      await journal.append(tx, [entry(3)]);
      throw new Error("rolled back");
    });
    await expect(failed).rejects.toThrow("rolled back");
    const second = await database.transaction((tx) => journal.append(tx, [entry(4)]));
    expect([...first, ...second].map(({ seq, refundId }) => [seq, refundId])).toEqual([[1, 1], [2, 2], [3, 4]]);
    expect(await journal.read(0, 10)).toEqual([...first, ...second]);
    expect(await verify()).toMatchObject({ kind: "intact", rows: 3, head: { seq: 3 } });
  });

  test("stores bodies byte for byte", async () => {
    const bodies = ['{"a":"\\"\\\\,{}\'"}', "NULL", "", " 退款\n😀 ", '{"a":"\\u0000\\ud800"}', "$1 \\x00"];
    await database.transaction((tx) => journal.append(tx, bodies.map((body) => entry(1, { body, account: body }))));
    expect((await journal.read(0, 10)).map(({ body, account }) => [body, account]))
      .toEqual(bodies.map((body) => [body, body]));
    expect(await verify()).toMatchObject({ kind: "intact", rows: bodies.length });
  });

  test("dates no row before the previous one after the database's clock was set back", async () => {
    await append(1);
    const ahead = Date.now() + HOUR;
    await rewrite(ahead);
    const [row] = await database.transaction((tx) => journal.append(tx, [entry(2)]));
    expect(row.eventAt).toBe(ahead);
  });

  test("appends nothing for no entries", async () => {
    expect(await database.transaction((tx) => journal.append(tx, []))).toEqual([]);
    expect(await journal.head()).toEqual({ seq: 0, hash: new Uint8Array() });
  });

  /** Writes row 1 anew, as the clock would have dated it. */
  async function rewrite(eventAt: number): Promise<void> {
    await database.query("UPDATE journal SET event_time = to_timestamp($1::float8 / 1000) WHERE seq = 1", [eventAt]);
  }
});

describe("read()", () => {
  test("returns rows of the accounts only, at most as many as asked for", async () => {
    const entries = Array.from({ length: 40 }, (_, n) => entry(n, { account: n % 4 === 0 ? "a" : "b" }));
    await database.transaction((tx) => journal.append(tx, entries));
    expect((await journal.read(4, 3, ["a"])).map(({ seq }) => seq)).toEqual([5, 9, 13]);
    expect(await journal.read(0, 100, ["c"])).toEqual([]);
    expect(await journal.page(30, 5, ["a"])).toMatchObject({ rows: [{ seq: 33 }, { seq: 37 }], through: 40, head: 40 });
    expect(await journal.page(30, 5)).toMatchObject({ through: 35, head: 40, prunedSeq: 0 });
    expect(await journal.page(40, 5)).toEqual({ rows: [], through: 40, head: 40, prunedSeq: 0 });
  });
});

describe("verifyJournal()", () => {
  beforeEach(() => append(8));

  test.each<[string, string, number, RegExp]>([
    ["account", "UPDATE journal SET account = 'b' WHERE seq = 3", 3, /changed: its hash is that of other values/],
    ["refund_id", "UPDATE journal SET refund_id = 9 WHERE seq = 3", 3, /other values/],
    ["kind", "UPDATE journal SET kind = 'FINAL' WHERE seq = 3", 3, /other values/],
    ["body", "UPDATE journal SET body = '{\"n\":3 }' WHERE seq = 3", 3, /other values/],
    ["event_time", "UPDATE journal SET event_time = event_time + interval '1 ms' WHERE seq = 3", 3, /other values/],
    ["event_time, infinite", "UPDATE journal SET event_time = 'infinity' WHERE seq = 3", 3, /other values/],
    ["hash", "UPDATE journal SET hash = sha256('x') WHERE seq = 3", 3, /its hash was changed/],
    ["hash, cut", "UPDATE journal SET hash = '\\x00' WHERE seq = 3", 3, /its hash was changed/],
    ["the last row's body", "UPDATE journal SET body = '' WHERE seq = 8", 8, /does not follow the row before it/],
    ["a row is missing", "DELETE FROM journal WHERE seq = 3", 3, /^it is missing/],
    ["rows are missing", "DELETE FROM journal WHERE seq IN (3, 4)", 3, /^rows up to 4 are missing/],
    ["the first row is missing", "DELETE FROM journal WHERE seq = 1", 1, /^it is missing/],
    [
      "a row is missing and the others moved up",
      "DELETE FROM journal WHERE seq = 3; UPDATE journal SET seq = seq - 1 WHERE seq > 3",
      3,
      /does not follow/,
    ],
    [
      "two rows are swapped",
      "UPDATE journal SET seq = -1 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 4; " +
      "UPDATE journal SET seq = 4 WHERE seq = -1",
      3,
      /does not follow/,
    ],
    [
      "a row is added at the end",
      "INSERT INTO journal SELECT 9, event_time, account, refund_id, kind, body, hash FROM journal WHERE seq = 8",
      9,
      /does not follow/,
    ],
    [
      "a row is added below the checkpoint",
      "INSERT INTO journal SELECT 0, event_time, account, refund_id, kind, body, hash FROM journal WHERE seq = 8",
      0,
      /^it was added/,
    ],
    [
      "the primary key is dropped and a row doubled",
      "ALTER TABLE journal DROP CONSTRAINT journal_pkey; INSERT INTO journal SELECT * FROM journal WHERE seq = 3",
      3,
      /^it was added/,
    ],
    ["the checkpoint is missing", "DELETE FROM journal_checkpoint", 1, /^the checkpoint .* is missing/],
    ["the checkpoint is forged", "UPDATE journal_checkpoint SET hash = sha256('x')", 0, /signature does not match/],
    [
      "the checkpoint is forged to hide missing rows",
      "INSERT INTO journal_checkpoint SELECT 3, j.hash, j.event_time, c.created_at, c.signature " +
      "FROM journal j, journal_checkpoint c WHERE j.seq = 3; DELETE FROM journal WHERE seq <= 3",
      3,
      /signature does not match/,
    ],
  ])("names the row: %s", async (_what, damage, seq, problem) => {
    expect(await verify()).toMatchObject({ kind: "intact", rows: 8 });
    await database.query(damage);
    expect(await verify()).toEqual({ kind: "broken", seq, problem: expect.stringMatching(problem) });
  });

  test("finds another key", async () => {
    expect(await verify("b".repeat(32))).toMatchObject({ kind: "broken", problem: /STORE_JOURNAL_KEY/ });
  });

  test("finds rows of another store", async () => {
    await using other = await openTestDatabase();
    await applyTables(other);
    const guard = createStoreGuard(await readStoreId(other));
    await other.transaction((tx) => createJournal({ database: other, key: KEY, guard }).append(tx, [entry(1)]));
    const [row] = await other.query<{ body: string; hash: Uint8Array }>("SELECT body, hash FROM journal");
    await database.query("UPDATE journal SET body = $1, hash = $2 WHERE seq = 1", [row.body, row.hash]);
    expect(await verify()).toMatchObject({ kind: "broken", seq: 1 });
  });

  test("finds a tail that was cut by a head that was logged, and only so", async () => {
    const head = await logged();
    const early = { seq: 5, hash: await hashAt(5) };
    await database.query("DELETE FROM journal WHERE seq > 6");
    expect(await verify()).toMatchObject({ kind: "intact", rows: 6 });
    expect(await verifyJournal(database, KEY, { head: early })).toMatchObject({ kind: "intact", comparedHead: true });
    expect(await verifyJournal(database, KEY, { head })).toEqual({
      kind: "broken",
      seq: 7,
      problem: expect.stringMatching("rows up to 8, as logged, are missing"),
    });
  });

  test("finds a tail that was cut and written anew", async () => {
    const head = await logged();
    await database.query("DELETE FROM journal WHERE seq > 6");
    await append(5, openJournal());
    expect(await verify()).toMatchObject({ kind: "intact", rows: 11 });
    expect(await verifyJournal(database, KEY, { head })).toMatchObject({ kind: "broken", seq: 8 });
  });

  test("reads through more rows than one page", async () => {
    const started = performance.now();
    for (let n = 0; n < 2; n++) {
      await database.transaction((tx) => journal.append(tx, Array.from({ length: 1000 }, (_, n) => entry(n))));
    }
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await verify()).toMatchObject({ kind: "intact", rows: 2008, head: await journal.head() });
    await database.query("UPDATE journal SET kind = 'x' WHERE seq = 1507");
    expect(await verify()).toMatchObject({ kind: "broken", seq: 1507 });
  });
});

describe("pruneJournal()", () => {
  test("deletes older rows, also over many transactions, and the chain continues from the checkpoint", async () => {
    await appendAged(1200, 3 * HOUR);
    await append(3);
    const early = { seq: 7, hash: await hashAt(7) };
    expect(await pruneJournal(database, KEY, HOUR)).toBe(1200);
    expect(await pruneJournal(database, KEY, HOUR)).toBe(0);
    await append(2);
    expect(await journal.oldestSeq()).toBe(1201);
    expect(await verify()).toMatchObject({ kind: "intact", rows: 5, prunedSeq: 1200, head: { seq: 1205 } });
    expect(await verifyJournal(database, KEY, { head: early })).toMatchObject({ kind: "intact", comparedHead: false });
    expect(await journal.page(7, 10)).toMatchObject({ prunedSeq: 1200, rows: { length: 5 } });
    await database.query("DELETE FROM journal WHERE seq = 1201");
    expect(await verify()).toMatchObject({ kind: "broken", seq: 1201 });
  });

  test("may delete every row: numbers, times and chain go on, in every process", async () => {
    await append(3);
    await journal.head();
    expect(await pruneJournal(database, KEY, -HOUR)).toBe(3);
    expect(await journal.head()).toMatchObject({ seq: 3 });
    const [row] = await database.transaction((tx) => openJournal().append(tx, [entry(4)]));
    expect(row.seq).toBe(4);
    expect(await journal.read(0, 10)).toEqual([row]);
    expect(await verify()).toMatchObject({ kind: "intact", rows: 1, prunedSeq: 3 });
  });

  test("signs nothing over damage, and names it", async () => {
    await append(5);
    await database.query("UPDATE journal SET kind = 'x' WHERE seq = 3");
    await expect(pruneJournal(database, KEY, -HOUR)).rejects.toThrow(JournalBrokenError);
    await expect(pruneJournal(database, KEY, -HOUR)).rejects.toThrow(/^Row 3 of the journal: it was changed/);
    await expect(pruneJournal(database, "b".repeat(32), -HOUR)).rejects.toThrow(/^Row 0 .*STORE_JOURNAL_KEY/);
    expect(await journal.oldestSeq()).toBe(1);
  });

  /** Rows as they would be had they been appended this long ago. */
  async function appendAged(count: number, ageMs: number): Promise<void> {
    const past = aged(ageMs);
    const old = createJournal({ database: past, key: KEY, guard: createStoreGuard(storeId) });
    await past.transaction((tx) => old.append(tx, Array.from({ length: count }, (_, n) => entry(n))));
  }
});

describe("the guard", () => {
  test.each<[string, string, RegExp]>([
    [
      "a shorter journal",
      "DELETE FROM journal WHERE seq = 3",
      /expected its journal to reach row 3 at least, got 2 rows/,
    ],
    ["an empty journal", "DELETE FROM journal; DELETE FROM journal_checkpoint", /reach row 3 at least, got 0 rows/],
    [
      "a row that was replaced",
      "UPDATE journal SET hash = sha256('x') WHERE seq = 3",
      /row 3 of its journal as it was/,
    ],
    ["another identity", "UPDATE identity SET store_id = gen_random_uuid()", /expected store .*, got /],
    ["no identity", "DELETE FROM identity", /lost its identity/],
    ["no tables", "DROP SCHEMA refundsync CASCADE", /has no tables/],
  ])("finds %s, in append() and every read", async (_what, damage, message) => {
    await append(3);
    await journal.head();
    await database.query(damage);
    for (
      const call of [
        () => database.transaction((tx) => journal.append(tx, [entry(4)])),
        () => journal.read(0, 10),
        () => journal.head(),
        () => journal.oldestSeq(),
      ]
    ) {
      await expect(call()).rejects.toThrow(StoreReplacedError);
      await expect(call()).rejects.toThrow(message);
      await expect(call()).rejects.toThrow("deno task migrate --adopt");
    }
  });

  test("finds rows that replaced the seen ones even when the journal is longer", async () => {
    await append(3);
    await journal.head();
    await database.query("DELETE FROM journal WHERE seq > 1");
    await append(5, openJournal());
    await expect(journal.head()).rejects.toThrow(/row 3 of its journal as it was, got another/);
  });

  test("remembers no row of a transaction that may be rolled back", async () => {
    await append(1);
    const failed = database.transaction(async (tx) => {
      await journal.append(tx, [entry(2)]);
      await journal.append(tx, [entry(3)]);
      throw new Error("rolled back");
    });
    await expect(failed).rejects.toThrow("rolled back");
    expect(await journal.head()).toMatchObject({ seq: 1 });
  });

  test("accepts that what it has seen is pruned", async () => {
    await append(3);
    await journal.head();
    await append(2, openJournal());
    await pruneJournal(database, KEY, -HOUR);
    expect(await journal.head()).toMatchObject({ seq: 5 });
  });
});

test("readStoreId() rejects a database without identity or tables", async () => {
  await database.query("DELETE FROM identity");
  await expect(readStoreId(database)).rejects.toThrow(StoreReplacedError);
  await database.query("DROP SCHEMA refundsync CASCADE");
  await expect(readStoreId(database)).rejects.toThrow("has no tables");
});

test("hexOf() prints the hash as PostgreSQL's encode() does", async () => {
  await append(1);
  const [{ hex }] = await database.query<{ hex: string }>("SELECT encode(hash, 'hex') AS hex FROM journal");
  expect(hexOf((await journal.head()).hash)).toBe(hex);
});

async function hashAt(seq: number): Promise<Uint8Array> {
  const [{ hash }] = await database.query<{ hash: Uint8Array }>("SELECT hash FROM journal WHERE seq = $1", [seq]);
  return hash;
}

/** The database with a clock that is behind. */
function aged(ms: number): Database {
  const behind = (sql: Sql): Sql => ({
    query: (text, values) =>
      sql.query(text.replaceAll("clock_timestamp()", `(clock_timestamp() - ${ms} * interval '1 ms')`), values),
  });
  return {
    ...database,
    query: behind(database).query,
    transaction: (work) => database.transaction((tx) => work(behind(tx))),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
