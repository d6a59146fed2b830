import { Buffer } from "node:buffer";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { listTracked } from "../../src/tracking/list.ts";
import { contradictionToJson, failureToJson, stateFromJson, stateToJson } from "../../src/tracking/row.ts";
import type { ListQuery } from "../../src/tracking/tracking.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { contradictions, failures, states } from "./arbitraries.ts";
import { insertRefunds, openDatabase, type RefundColumns } from "./database.ts";

let database: Database;
beforeAll(async () => void (database = await openDatabase()), 60_000);
afterAll(() => database[Symbol.asyncDispose]());
afterEach(() => database.query("DELETE FROM refund"));

const QUERY: ListQuery = { accounts: undefined, filter: "", orderBy: "", pageSize: 100, pageToken: "" };

/** The numbers of every page. */
async function pagesOf(query: Partial<ListQuery>, from: Database = database): Promise<readonly (readonly string[])[]> {
  const pages: string[][] = [];
  let pageToken = "";
  do {
    const page = await listTracked(from, { ...QUERY, ...query, pageToken });
    pages.push(page.items.map(({ refundNo }) => refundNo));
    pageToken = page.nextPageToken;
    if (pages.length > 10) throw new Error("Expected at most 10 pages, got more");
  } while (pageToken !== "");
  return pages;
}

/** One refund per letter. Times are microseconds apart, several are equal, and several values are not set. */
const ROWS: readonly RefundColumns[] = [
  { refund_no: "a", tracked_at: "2026-01-01T00:00:00.000003Z", status: "SUCCEEDED" },
  { refund_no: "b", tracked_at: "2026-01-01T00:00:00.000001Z", next_attempt_at: "2026-02-01T00:00:00.000002Z" },
  { refund_no: "c", tracked_at: "2026-01-01T00:00:00.000003Z", status: "FAILED" },
  {
    refund_no: "d",
    tracked_at: "2026-01-01T00:00:00.000002Z",
    status: "FAILED",
    next_attempt_at: "2026-02-01T00:00:00.000001Z",
  },
  { refund_no: "e", tracked_at: "2026-01-01T00:00:00.000002Z", next_attempt_at: "2026-02-01T00:00:00.000002Z" },
];

/** The letters in each order. */
const ORDERS: readonly (readonly [orderBy: string, expected: string])[] = [
  ["", "bdeac"],
  ["track_time", "bdeac"],
  ["track_time desc", "acdeb"],
  ["next_attempt_time", "dbeac"],
  ["next_attempt_time desc", "bedac"],
  ["status", "cdabe"],
  ["status desc", "acdbe"],
  ["status, track_time desc", "cdaeb"],
  ["next_attempt_time desc, status desc,  track_time", "bedac"],
];

describe("listTracked()", () => {
  test.each(ORDERS)("orders by %j, in pages of any size", async (orderBy, expected) => {
    await insertRefunds(database, ROWS);
    for (const pageSize of [1, 2, 3, 5, 6]) {
      const pages = await pagesOf({ orderBy, pageSize });
      expect(pages.flat().join("")).toBe(expected);
      expect(pages.map(({ length }) => length)).toEqual(
        Array.from({ length: Math.ceil(5 / pageSize) }, (_, index) => Math.min(pageSize, 5 - index * pageSize)),
      );
    }
  });

  test("skips and repeats nothing while others are tracked and untracked", async () => {
    await insertRefunds(database, ROWS);
    const first = await listTracked(database, { ...QUERY, pageSize: 2 });
    await database.query("DELETE FROM refund WHERE refund_no IN ('b', 'd')");
    await insertRefunds(database, [{ refund_no: "z", tracked_at: "2025-01-01T00:00:00Z" }]);
    const next = await listTracked(database, { ...QUERY, pageSize: 9, pageToken: first.nextPageToken });
    expect(next.items.map(({ refundNo }) => refundNo)).toEqual(["e", "a", "c"]);
  });

  test("lists neither other accounts' refunds nor those that nobody has tracked", async () => {
    await insertRefunds(database, [
      { refund_no: "a", account: "one" },
      { refund_no: "b", account: "two" },
      { refund_no: "c", account: "three" },
      { refund_no: "d", account: "one", tracking_state: null },
    ]);
    expect(await pagesOf({})).toEqual([["a", "b", "c"]]);
    expect(await pagesOf({ accounts: ["one", "three"] })).toEqual([["a", "c"]]);
    expect(await pagesOf({ accounts: [] })).toEqual([[]]);
    expect(await pagesOf({ accounts: ["one"], filter: "status = UNSPECIFIED OR final = true" })).toEqual([["a"]]);
  });

  test("returns whatever DaxPay's texts contain, as stored", async () => {
    const state = fc.sample(states, { numRuns: 100, seed: 7 });
    const failure = fc.sample(failures, { numRuns: 100, seed: 7 });
    const contradiction = fc.sample(contradictions, { numRuns: 100, seed: 7 });
    await insertRefunds(
      database,
      state.map((_, index) => ({
        refund_no: `R${index}`,
        state: stateToJson(state[index]),
        last_failure: failureToJson(failure[index]),
        contradiction: contradictionToJson(contradiction[index]),
        unchanged_since: new Date(5),
        attempts: 2 ** 40,
        request: { refundNo: `R${index}`, bizRefundNo: "B1", clientIp: "" },
      })),
    );
    const { items } = await listTracked(database, QUERY);
    expect(items).toHaveLength(100);
    expect(items[99]).toMatchObject({ refundNo: "R99", bizRefundNo: "B1", attempts: 2 ** 40 });
    expect(items.map((item) => item.state?.amountFen)).toEqual(state.map(({ amountFen }) => amountFen));
    expect(items.map((item) => item.lastFailure?.daxpayCode)).toEqual(failure.map(({ daxpayCode }) => daxpayCode));
    expect(items.map((item) => item.contradiction?.observedAt)).toEqual(
      contradiction.map(({ observedAt }) => observedAt),
    );
    expect(items.every((item) => item.state?.unchangedSince === 5)).toBe(true);
  });
});

postgresTest("listTracked() lists the same from PostgreSQL", async ({ databaseUrl }) => {
  await using connected = openPostgres({
    url: databaseUrl,
    maxConnections: 1,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 10_000,
  });
  const other = await openDatabase(connected);
  await insertRefunds(other, ROWS);
  for (const [orderBy, expected] of ORDERS) {
    expect((await pagesOf({ orderBy, pageSize: 2 }, other)).flat().join("")).toBe(expected);
  }
  const state = fc.sample(states, { numRuns: 100, seed: 8 });
  await insertRefunds(
    other,
    state.map((one, index) => ({ refund_no: `R${index}`, account: "one", state: stateToJson(one) })),
  );
  const filter = `NOT (status = CLOSED OR labels."a b" = "'x'" OR channel = "\\"")`;
  const { items } = await listTracked(other, { ...QUERY, accounts: ["one", "two"], filter });
  expect(items.map((item) => item.state)).toEqual(state.map((one) => stateFromJson(stateToJson(one))));
});

describe("listTracked() rejects", () => {
  test.each([
    ["time", 'expected track_time, next_attempt_time or status, got "time" at character 1'],
    ["track_time,", 'expected track_time, next_attempt_time or status, got "" at character 12'],
    ["track_time, constructor", 'status, got "constructor" at character 13'],
    ["track_time down", 'expected "desc" or nothing after track_time, got "down" at character 1'],
    ["status, track_time, status desc", "expected each field once, got status again at character 21"],
  ])("the order %j", async (orderBy, message) => {
    await expect(listTracked(database, { ...QUERY, orderBy })).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      field: "order_by",
      message: expect.stringContaining(message),
    });
  });

  const invalidToken = (message: string) => ({
    reason: "INVALID_REQUEST",
    field: "page_token",
    message: expect.stringContaining(message),
  });

  test("a page token of another filter, order or set of accounts", async () => {
    await insertRefunds(database, ROWS);
    const query = { ...QUERY, pageSize: 1, filter: "final = false", accounts: ["one", "default"] };
    const { nextPageToken: pageToken } = await listTracked(database, query);
    await expect(listTracked(database, { ...query, pageToken, accounts: ["default", "one"], pageSize: 3 })).resolves
      .toMatchObject({ items: { length: 3 } });
    const others = [{ filter: "" }, { orderBy: "track_time desc" }, { accounts: ["one"] }, { accounts: undefined }];
    for (const other of others) {
      await expect(listTracked(database, { ...query, pageToken, ...other })).rejects.toMatchObject(
        invalidToken("expected the filter, order_by and account of the page that it came with, got others"),
      );
    }
  });

  test("a text that is no page token", async () => {
    await insertRefunds(database, ROWS);
    const { nextPageToken } = await listTracked(database, { ...QUERY, pageSize: 1 });
    const [version, fingerprint, values, id] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
    const changed = [
      [2, fingerprint, values, id],
      [version, fingerprint, ["x"], id],
      [version, fingerprint, values],
      {
        0: version,
      },
      [version, fingerprint, [], id],
      [version, fingerprint, values, 1.5],
      [version, fingerprint, [1e300], id],
      null,
    ];
    const tokens = changed.map((token) => Buffer.from(JSON.stringify(token)).toString("base64url"));
    for (const pageToken of ["x", "%", "💥", ...tokens]) {
      await expect(listTracked(database, { ...QUERY, pageToken })).rejects.toMatchObject(
        invalidToken("expected the next_page_token of an earlier page, got "),
      );
    }
  });
});
