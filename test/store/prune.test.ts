import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { pruneAllRefunds, pruneRefunds } from "../../src/store/prune.ts";
import { applyTables } from "../support/tables.ts";

const DAY = 24 * 3_600_000;
const old = () => new Date(Date.now() - 2 * DAY);

let database: Database;
beforeAll(async () => void (database = await openTestDatabase()));
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await applyTables(database);
  await database.query("INSERT INTO merchant (server, mch_no) VALUES ('http://daxpay.test', 'M1')");
});

/** Inserts a refund that ended two days ago, but for these columns. */
async function insert(refundNo: string, columns: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const row = {
    merchant_id: 1,
    account: "default",
    app_id: "A1",
    refund_no: refundNo,
    biz_refund_no: `B${refundNo}`,
    status: "FAILED",
    final: true,
    state: { status: "FAILED" },
    evidence: { body: "" },
    tracking_state: "FINAL",
    labels: { shop: "1" },
    tracked_by: "orders",
    request: { clientIp: "192.0.2.1" },
    last_attempt_at: old(),
    ...columns,
  };
  const names = Object.keys(row);
  await database.query(
    `INSERT INTO refund (${names.join(", ")}) VALUES (${names.map((_, index) => `$${index + 1}`).join(", ")})`,
    Object.values(row),
  );
}

const names = async () =>
  (await database.query<{ refund_no: string }>("SELECT refund_no FROM refund ORDER BY 1")).map((row) => row.refund_no);

test.each<[string, Readonly<Record<string, unknown>>]>([
  ["final", {}],
  ["expired", { tracking_state: "EXPIRED", final: false }],
  ["untracked", { tracking_state: "UNTRACKED", final: false }],
  ["ended by a failure", { tracking_state: "FAILED", final: false }],
  ["never tracked", { tracking_state: null, last_attempt_at: null, synced_at: old() }],
  ["contradicted, and acknowledged", { contradiction: { acknowledgedAt: 1 } }],
])("pruneRefunds() deletes a refund that is %s", async (_what, columns) => {
  await insert("R1", columns);
  expect(await pruneAllRefunds(database, DAY)).toEqual({ deleted: 1, cleared: 0 });
  expect(await names()).toEqual([]);
});

test.each<[string, Readonly<Record<string, unknown>>]>([
  ["tracked", { tracking_state: "ACTIVE" }],
  ["claimed", { claim: "00000000-0000-4000-8000-000000000000" }],
  ["in doubt", { in_doubt: true }],
  ["noticed", { notice: { status: "CLOSED" } }],
  ["contradicted", { contradiction: { observedAt: 1 } }],
  ["younger", { last_attempt_at: new Date() }],
  ["synced later", { synced_at: new Date() }],
  ["without any time", { last_attempt_at: null }],
])("pruneRefunds() keeps a refund that is %s, settled or not", async (_what, columns) => {
  await insert("R1", columns);
  await insert("R2", { ...columns, settled: true });
  const before = await database.query("SELECT * FROM refund ORDER BY id");
  expect(await pruneAllRefunds(database, DAY)).toEqual({ deleted: 0, cleared: 0 });
  expect(await database.query("SELECT * FROM refund ORDER BY id")).toEqual(before);
});

test("pruneRefunds() leaves of a settled refund the numbers, the status and that it is settled", async () => {
  await insert("R1", { settled: true, status: "CLOSED", order_no: "O1", tracked_at: old(), expires_at: old() });
  expect(await pruneAllRefunds(database, DAY)).toEqual({ deleted: 0, cleared: 1 });
  expect(await pruneAllRefunds(database, DAY)).toEqual({ deleted: 0, cleared: 0 });
  const [row] = await database.query<Record<string, unknown>>("SELECT * FROM refund");
  expect(Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null))).toEqual({
    id: 1,
    merchant_id: 1,
    account: "default",
    app_id: "A1",
    refund_no: "R1",
    biz_refund_no: "BR1",
    status: "CLOSED",
    order_no: "O1",
    final: false,
    settled: true,
    in_doubt: false,
    unchanged_count: 0,
    attempts: 0,
    last_attempt_at: expect.any(Date),
  });
});

test("pruneRefunds() prunes at most as many of each kind as it may", async () => {
  for (let n = 1; n <= 4; n++) await insert(`R${n}`, { settled: n > 2 });
  expect(await database.transaction((tx) => pruneRefunds(tx, DAY, 1))).toEqual({ deleted: 1, cleared: 1 });
  expect(await names()).toEqual(["R2", "R3", "R4"]);
});
