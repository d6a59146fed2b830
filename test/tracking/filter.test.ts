import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { filterCondition } from "../../src/tracking/filter.ts";
import { createSqlValues } from "../../src/tracking/sql-values.ts";
import { TrackingError } from "../../src/tracking/tracking.ts";
import { insertRefunds, openDatabase } from "./database.ts";

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
  await insertRefunds(database, [
    { refund_no: "new" },
    { refund_no: "running", status: "IN_PROGRESS", labels: { shop: "7" }, state: { channel: "ali_pay" } },
    { refund_no: "done", status: "SUCCEEDED", final: true, tracking_state: "FINAL", labels: { shop: "8" } },
    { refund_no: "odd", status: "FAILED", labels: { "a.b-c": "it's", note: 'say "x" \\', empty: "" } },
  ]);
}, 60_000);
afterAll(() => database[Symbol.asyncDispose]());

/** The numbers of the refunds that the filter selects. */
async function select(filter: string): Promise<readonly string[]> {
  const values = createSqlValues();
  const condition = filterCondition(filter, values);
  const rows = await database.query<{ refund_no: string }>(
    `SELECT refund_no FROM refund WHERE ${condition} ORDER BY id`,
    values.values,
  );
  return rows.map((row) => row.refund_no);
}

const ALL = ["new", "running", "done", "odd"];

describe("filterCondition() selects", () => {
  test.each<[filter: string, expected: readonly string[]]>([
    ["", ALL],
    ["  ", ALL],
    ['status = "IN_PROGRESS"', ["running"]],
    ["status=IN_PROGRESS", ["running"]],
    ["status = REFUND_STATUS_IN_PROGRESS", ["running"]],
    ["status = UNSPECIFIED", ["new"]],
    ["status != IN_PROGRESS", ["new", "done", "odd"]],
    ["tracking_state = FINAL", ["done"]],
    ["tracking_state = TRACKING_STATE_ACTIVE", ["new", "running", "odd"]],
    ["final = true", ["done"]],
    ['final != "true"', ["new", "running", "odd"]],
    ["final = false", ["new", "running", "odd"]],
    ["channel = ali_pay", ["running"]],
    ["channel = ''", ["new", "done", "odd"]],
    ['labels.shop = "7"', ["running"]],
    ["labels.shop = 7", ["running"]],
    // What is not set equals no text.
    ["labels.shop != 7", ["new", "done", "odd"]],
    ["NOT labels.shop = 7", ["new", "done", "odd"]],
    ["labels.empty = ''", ["odd"]],
    [`labels.a.b-c = "it's"`, ["odd"]],
    [`labels."a.b-c" = 'it\\'s'`, ["odd"]],
    ['labels.note = "say \\"x\\" \\\\"', ["odd"]],
    ["labels.missing = -5", []],
    ["status = FAILED OR status = SUCCEEDED", ["done", "odd"]],
    ["final = false AND status = FAILED", ["odd"]],
    // OR binds tighter than AND in AIP-160.
    ["status = FAILED OR final = true AND labels.shop = 8", ["done"]],
    ["labels.shop = 7 AND status = FAILED OR final = true", []],
    ["(status = FAILED) OR (final = true AND labels.shop = 8)", ["done", "odd"]],
    ["-final = true", ["new", "running", "odd"]],
    ["-(status = FAILED OR final = true)", ["new", "running"]],
    ["NOT (NOT final = true)", ["done"]],
    ["NOT status = UNSPECIFIED AND NOT final = true", ["running", "odd"]],
    ["(((final = true)))", ["done"]],
    ["\tfinal\n=\ttrue ", ["done"]],
  ])("%j", async (filter, expected) => {
    expect(await select(filter)).toEqual(expected);
  });

  test("by any number of parentheses that are not nested", async () => {
    expect(await select(Array(30).fill("(final = true)").join(" OR "))).toEqual(["done"]);
  });

  test("by texts that are SQL, as texts", async () => {
    expect(await select(`channel = "' OR true --" OR labels."') IS NULL OR ('" = 1`)).toEqual([]);
  });
});

describe("filterCondition() rejects", () => {
  const FIELDS = "expected status, tracking_state, final, channel or labels.<key>";
  const STATUSES = "expected one of IN_PROGRESS, SUCCEEDED, FAILED, CLOSED, NOT_FOUND_AT_CHANNEL, UNKNOWN, UNSPECIFIED";
  test.each([
    ["statuss = FAILED", `${FIELDS}, got "statuss" at character 1`],
    ["final = true AND  x = 1", `${FIELDS}, got "x" at character 19`],
    ["final = true and status = FAILED", 'expected AND, OR or the end of the filter, got "and" at character 14'],
    ["final = true status = FAILED", 'expected AND, OR or the end of the filter, got "status" at character 14'],
    ["final = true AND", `${FIELDS}, got the end at character 17`],
    ["AND final = true", `${FIELDS}, got "AND" at character 1`],
    ["final", 'expected "=" or "!=", got the end at character 6'],
    ["status > FAILED", 'expected "=" or "!=", got ">" at character 8'],
    ["labels:shop", `${FIELDS}, got "labels" at character 1`],
    ["labels. = 7", 'expected the key of a label, got "=" at character 9'],
    ["labels.shop:7", 'expected "=" or "!=", got ":" at character 12'],
    ["status = IN_PROGES", `${STATUSES}, got "IN_PROGES" at character 10`],
    ["tracking_state = DONE", 'ACTIVE, FINAL, EXPIRED, UNTRACKED, FAILED, got "DONE" at character 18'],
    ["final = yes", 'expected true or false, got "yes" at character 9'],
    ["final =", "expected a value, got the end at character 8"],
    ["channel = AND", 'expected a value, got "AND" at character 11'],
    ['channel = "x', 'expected a text that ends with ", got "\\"x" at character 11'],
    ["(final = true", 'expected ")", AND or OR, got the end at character 14'],
    ["final = true)", 'expected AND, OR or the end of the filter, got ")" at character 13'],
    ["()", `${FIELDS}, got ")" at character 2`],
    ["channel = a\0", "expected text without U+0000"],
    ["channel = \ud800", "expected text without U+0000 and halves of characters"],
  ])("%j", (filter, message) => {
    const error = errorOf(filter);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", field: "filter" });
    expect(error?.message).toContain(message);
  });

  test.each([
    ["a text that is too long", `channel = ${"x".repeat(4096)}`, "expected at most 4096 characters, got 4106"],
    [
      "parentheses that are nested too deep",
      `${"(".repeat(21)}final = true${")".repeat(21)}`,
      "expected at most 20 nested parentheses and negations, got more at character 22",
    ],
    ["too many negations", `${"-".repeat(4000)}final = true`, "expected at most 20 nested"],
    [
      "too many comparisons",
      Array(51).fill("final = true").join(" OR "),
      "expected at most 50 comparisons, got more at character 801",
    ],
  ])("%s", (_what, filter, message) => {
    expect(errorOf(filter)?.message).toContain(message);
  });

  test("with no other error, whatever the filter is", () => {
    const piece = fc.constantFrom("status", "final", "labels.", "=", "!=", "(", ")", "-", "AND", "NOT", "'", '"', "\\");
    const filter = fc.array(fc.oneof(piece, fc.string())).map((pieces) => pieces.join(" "));
    fc.assert(fc.property(filter, (text) => {
      const error = errorOf(text);
      if (error) expect(error).toMatchObject({ reason: "INVALID_REQUEST", field: "filter" });
    }));
  });
});

/** The error of a filter; undefined where there is none. */
function errorOf(filter: string): TrackingError | undefined {
  try {
    filterCondition(filter, createSqlValues());
  } catch (error) {
    if (!(error instanceof TrackingError)) throw error;
    return error;
  }
  return undefined;
}
