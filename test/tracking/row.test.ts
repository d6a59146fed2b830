import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import {
  contradictionFromJson,
  contradictionToJson,
  evidenceFromJson,
  evidenceToJson,
  failureFromJson,
  failureToJson,
  type RefundRow,
  stateFromJson,
  stateToJson,
  storableText,
  storedFailureFrom,
  trackedRefundFrom,
} from "../../src/tracking/row.ts";
import { anyText, contradictions, evidences, failures, states } from "./arbitraries.ts";

/** The value with its texts as PostgreSQL stores them. */
function storable<T>(value: T): T {
  if (typeof value === "string") return storableText(value) as T;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, storable(member)])) as T;
}

function expectRoundTrip<T, J>(arbitrary: fc.Arbitrary<T>, toJson: (value: T) => J, fromJson: (json: J) => T) {
  fc.assert(fc.property(arbitrary, (value) => {
    const read = fromJson(JSON.parse(JSON.stringify(toJson(value))));
    // Strictly: members that are undefined are there, too.
    expect(read).toStrictEqual(storable(value));
  }));
}

describe("a stored value is read as it was written", () => {
  test("RefundState", () => expectRoundTrip(states, stateToJson, stateFromJson));
  test("StoredFailure", () => expectRoundTrip(failures, failureToJson, failureFromJson));
  test("Evidence", () => expectRoundTrip(evidences, evidenceToJson, evidenceFromJson));
  test("Contradiction", () => expectRoundTrip(contradictions, contradictionToJson, contradictionFromJson));
});

test("storableText() changes only U+0000 and halves of surrogate pairs", () => {
  expect(storableText("a\0b\ud800c😀")).toBe("a\ufffdb\ufffdc😀");
  fc.assert(fc.property(anyText, (text) => {
    expect(storableText(text).isWellFormed() && !storableText(text).includes("\0")).toBe(true);
    if (text.isWellFormed() && !text.includes("\0")) expect(storableText(text)).toBe(text);
  }));
});

test.each([
  ["state", () => stateFromJson({ refundNo: "R1" }), /^Expected the stored state to have bizRefundNo, status, /],
  ["failure", () => failureFromJson({ reason: "CLOCK_SKEW" }), "Expected the stored failure to have message, delivery"],
  [
    "contradiction",
    () => contradictionFromJson({ observedAt: 1 }),
    "Expected the stored contradiction to have previous",
  ],
])("a stored %s without a required member is rejected", (_what, read, message) => {
  expect(read).toThrow(message);
});

test("storedFailureFrom() keeps what callers get, and nothing that is for the log only", () => {
  const failure = new DaxPayFailure("UPSTREAM_ERROR", "x", { logDetail: "SQL", step: "SYNC", daxpayCode: 7 });
  expect(storedFailureFrom(failure)).toStrictEqual({
    reason: "UPSTREAM_ERROR",
    message: "x",
    delivery: "ANSWERED",
    step: "SYNC",
    retryDelayMs: 5_000,
    daxpayCode: 7,
    daxpayMessage: undefined,
    daxpayTraceId: undefined,
  });
});

describe("trackedRefundFrom()", () => {
  const row: RefundRow = {
    id: 1,
    account: "default",
    refund_no: null,
    biz_refund_no: "B1",
    state: null,
    unchanged_since: null,
    attempts: 0,
    last_attempt_at: null,
    next_attempt_at: new Date(3),
    tracking_state: "ACTIVE",
    labels: { shop: "7" },
    tracked_at: new Date(1),
    tracked_by: "shop",
    expires_at: new Date(2),
    request: { refundNo: "R1", bizRefundNo: "ignored", clientIp: "" },
    last_failure: null,
    contradiction: null,
  };
  const [state] = fc.sample(states, { numRuns: 1, seed: 1 });

  test("takes the caller's number where no reply has named it", () => {
    expect(trackedRefundFrom(row)).toStrictEqual({
      account: "default",
      refundNo: "R1",
      bizRefundNo: "B1",
      state: undefined,
      trackingState: "ACTIVE",
      labels: { shop: "7" },
      trackedAt: 1,
      trackedBy: "shop",
      expiresAt: 2,
      nextAttemptAt: 3,
      lastAttemptAt: undefined,
      attempts: 0,
      lastFailure: undefined,
      contradiction: undefined,
    });
  });

  test("takes unchangedSince from the row", () => {
    const read = trackedRefundFrom({ ...row, state: stateToJson(state), unchanged_since: new Date(5) });
    expect(read.state).toMatchObject({ status: state.status, unchangedSince: 5 });
  });

  test("rejects a refund that nobody has tracked", () => {
    expect(() => trackedRefundFrom({ ...row, tracking_state: null })).toThrow("Expected refund 1 to be tracked");
  });
});
