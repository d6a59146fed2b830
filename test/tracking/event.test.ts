import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkRange, cursorOf, seqOf } from "../../src/tracking/cursor.ts";
import { bodyOf, entryOf, eventFrom, type NewEvent } from "../../src/tracking/event.ts";
import { storableText } from "../../src/tracking/row.ts";
import { EVENT_KINDS } from "../../src/tracking/tracking.ts";
import { anyText, evidences, failures, states } from "./arbitraries.ts";
import { newEventOf } from "./values.ts";

const STORE = "3f2a9c01-0000-4000-8000-000000000000";
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const events: fc.Arbitrary<NewEvent> = fc.record({
  kind: fc.constantFrom(...EVENT_KINDS),
  account: fc.constantFrom("default", "shop"),
  refundNo: anyText,
  bizRefundNo: anyText,
  state: optional(states),
  previousStatus: fc.constantFrom("IN_PROGRESS", "CLOSED", undefined),
  labels: fc.dictionary(fc.string(), anyText, { noNullPrototype: true }),
  failure: optional(failures),
  evidence: optional(evidences),
});

/** The value with its texts as PostgreSQL stores them. */
function storable<T>(value: T): T {
  if (typeof value === "string") return storableText(value) as T;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, storable(member)])) as T;
}

describe("eventFrom()", () => {
  test("reads what entryOf() wrote", () => {
    fc.assert(fc.property(events, fc.nat(), fc.nat(), (event, seq, eventAt) => {
      const entry = entryOf(event, 7);
      expect(entry).toMatchObject({ account: event.account, refundId: 7, kind: event.kind });
      expect(entry.body.includes("\0")).toBe(false);
      const read = eventFrom({ ...entry, seq, eventAt }, STORE);
      const { labels: _, ...others } = event;
      expect(read).toStrictEqual({ ...storable(others), labels: event.labels, eventAt, cursor: `1-3f2a9c01-${seq}` });
    }));
  });

  test.each([
    ["a kind of another version", { kind: "OTHER" }, 'Expected row 5 to be an event, got "OTHER"'],
    ["a body that is no JSON", { body: "{" }, SyntaxError],
    ["a body without a part of its state", { body: '{"labels":{},"state":{}}' }, "Expected the stored state to have"],
  ])("rejects %s", (_what, changes, message) => {
    const row = {
      account: "default",
      refundId: 1,
      kind: "FINAL",
      body: '{"labels":{}}',
      seq: 5,
      eventAt: 0,
      ...changes,
    };
    expect(() => eventFrom(row, STORE)).toThrow(message);
  });
});

test("bodyOf() leaves out what is not set", () => {
  const event = newEventOf({ kind: "TRACKED", account: "default", refundNo: "R1" });
  expect(bodyOf(event)).toBe('{"refundNo":"R1","bizRefundNo":"","labels":{}}');
});

test("seqOf() reads what cursorOf() wrote, of the same store only", () => {
  fc.assert(fc.property(fc.nat(), (seq) => seqOf(cursorOf(STORE, seq), STORE) === seq));
  expect(() => seqOf(cursorOf(STORE, 1), STORE.replace("3", "4"))).toThrow(
    /^expected a cursor of this service, got one of/,
  );
  fc.assert(fc.property(fc.string(), (text) => {
    expect(() => seqOf(text, STORE)).toThrow(/^expected a cursor/);
  }));
  for (const text of ["1-3f2a9c01-01", "1-3f2a9c01--1", "1-3f2a9c01-1e3", "1-3f2a9c01-1 ", "1-3F2A9C01-1"]) {
    expect(() => seqOf(text, STORE), text).toThrow(/^expected a cursor/);
  }
});

test("checkRange() accepts from the last pruned event to the head", () => {
  const range = { storeId: STORE, prunedSeq: 3, head: 5 };
  for (const seq of [3, 4, 5]) checkRange(seq, range);
  expect(() => checkRange(6, range)).toThrow("got one behind the last event");
  expect(() => checkRange(2, range)).toThrow("1-3f2a9c01-3");
});
