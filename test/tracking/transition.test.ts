import { describe, expect, test } from "vitest";
import type { Reason } from "../../src/daxpay/failure.ts";
import type { Status } from "../../src/refund/state.ts";
import { contradictionFromJson, contradictionToJson, failureToJson, stateToJson } from "../../src/tracking/row.ts";
import { type FullRow, transitionOf, transitionOfFailure } from "../../src/tracking/transition.ts";
import { failureOf, stateOf, verifiedOf } from "./values.ts";

const NOW = 1_000_000;

/** A row of a tracked refund, read at NOW. */
function rowOf(overrides: Partial<FullRow> = {}): FullRow {
  return {
    id: 1,
    account: "default",
    merchant_id: 1,
    app_id: "A1",
    refund_no: "R1",
    biz_refund_no: "B1",
    status: null,
    final: false,
    settled: false,
    order_no: null,
    state: null,
    state_at: null,
    unchanged_since: null,
    unchanged_count: 0,
    claim: null,
    in_doubt: false,
    synced_at: null,
    attempts: 0,
    last_attempt_at: null,
    next_attempt_at: null,
    tracking_state: "ACTIVE",
    labels: {},
    tracked_at: new Date(0),
    tracked_by: "",
    expires_at: new Date(2 * NOW),
    request: null,
    last_failure: null,
    contradiction: null,
    notice: null,
    now: new Date(NOW),
    ...overrides,
  };
}

/** A row whose state was recorded `agoMs` before NOW. */
function rowIn(status: Status, overrides: Partial<FullRow> = {}, agoMs = 60_000): FullRow {
  const state = stateOf(status);
  return rowOf({
    status,
    final: state.final,
    settled: state.final,
    state: stateToJson(state),
    state_at: new Date(NOW - agoMs),
    tracking_state: state.final ? "FINAL" : "ACTIVE",
    ...overrides,
  });
}

/** What the state changes whose request was sent 100 ms ago. */
const after = (row: FullRow, status: Status, overrides = {}, ageMs = 100) =>
  transitionOf(row, verifiedOf(status, 0, { repliedAt: 2_000, ...overrides }), ageMs);
const kinds = (transition: ReturnType<typeof transitionOf>) => transition.events.map(({ kind }) => kind);

describe("transitionOf()", () => {
  test("tells the first state as a change, with what is known since when", () => {
    const { columns, events } = after(rowOf(), "IN_PROGRESS");
    expect(events).toEqual([{ kind: "CHANGED", previousStatus: undefined }]);
    expect(columns).toMatchObject({
      status: "IN_PROGRESS",
      final: false,
      settled: false,
      order_no: "P1",
      state_at: new Date(NOW),
      unchanged_since: new Date(NOW),
      unchanged_count: 0,
    });
  });

  test("counts a state that has not changed, without an event", () => {
    const { columns, events } = after(rowIn("FAILED", { unchanged_count: 4 }), "FAILED");
    expect(events).toEqual([]);
    expect(columns).toMatchObject({ unchanged_count: 5 });
    expect(columns).not.toHaveProperty("unchanged_since");
  });

  test.each<Status>(["SUCCEEDED", "CLOSED"])("ends tracking with FINAL when it is %s", (status) => {
    const { columns, events } = after(rowIn("IN_PROGRESS"), status);
    expect(events).toEqual([{ kind: "FINAL", previousStatus: "IN_PROGRESS" }]);
    expect(columns).toMatchObject({ status, final: true, settled: true, tracking_state: "FINAL" });
  });

  test("takes a settled state that does not name its refund for settled, not for final", () => {
    const { columns, events } = after(rowIn("IN_PROGRESS"), "CLOSED", { final: false, binding: "SECRET_ONLY" });
    expect(events).toEqual([{ kind: "CHANGED", previousStatus: "IN_PROGRESS" }]);
    expect(columns).toMatchObject({ final: false, settled: true });
    expect(columns).not.toHaveProperty("tracking_state");
  });

  test("tells FINAL of a state that was settled before", () => {
    const row = rowIn("CLOSED", { final: false, tracking_state: "ACTIVE" });
    expect(kinds(after(row, "CLOSED"))).toEqual(["FINAL"]);
  });

  test("adds no event of a refund that nobody has tracked", () => {
    const row = rowOf({ tracking_state: null, tracked_at: null });
    for (const status of ["IN_PROGRESS", "CLOSED"] as const) expect(after(row, status).events).toEqual([]);
    const { columns, events } = after(rowIn("CLOSED", { tracking_state: null }), "FAILED");
    expect(events).toEqual([]);
    expect(columns).toMatchObject({ status: "FAILED", final: true, settled: true });
    expect(columns).toHaveProperty("contradiction");
  });

  test.each<Status>(["FAILED", "IN_PROGRESS", "SUCCEEDED", "UNKNOWN"])(
    "tells CLOSED then %s as CONTRADICTED, and lets it be final and settled for ever",
    (status) => {
      const { columns, events } = after(rowIn("CLOSED"), status);
      expect(events).toEqual([{ kind: "CONTRADICTED", previousStatus: "CLOSED" }]);
      expect(columns).toMatchObject({ status, final: true, settled: true });
      const contradiction = contradictionFromJson(JSON.parse(String(columns.contradiction)));
      expect(contradiction).toMatchObject({ observedAt: NOW, previous: { status: "CLOSED" } });
    },
  );

  test("compares with the first final state: a return to it contradicts nothing, a third state does", () => {
    const contradiction = contradictionToJson({
      previous: stateOf("CLOSED"),
      observedAt: 1,
      note: "seen",
      acknowledgedBy: "a",
      acknowledgedAt: 2,
    });
    const row = rowIn("FAILED", { final: true, settled: true, tracking_state: "FINAL", contradiction });
    const back = after(row, "CLOSED");
    expect(back.events).toEqual([]);
    expect(back.columns).toMatchObject({ status: "CLOSED", final: true });
    expect(back.columns).not.toHaveProperty("contradiction");
    expect(kinds(after(row, "SUCCEEDED"))).toEqual(["CONTRADICTED"]);
    // Each change is told once.
    expect(kinds(after(row, "FAILED"))).toEqual([]);
  });

  test("tells CONTRADICTED before FINAL where a settled state became another, final one", () => {
    const row = rowIn("CLOSED", { final: false, tracking_state: "ACTIVE" });
    expect(kinds(after(row, "SUCCEEDED"))).toEqual(["CONTRADICTED", "FINAL"]);
    expect(kinds(after(row, "FAILED"))).toEqual(["CONTRADICTED"]);
  });

  test.each<[Reason, boolean]>([
    ["UPSTREAM_UNREACHABLE", true],
    ["SIGNATURE_REJECTED", true],
    ["SYNC_IN_DOUBT", false],
    ["RATE_LIMITED", false],
  ])("tells RECOVERED after %s: %s", (reason, told) => {
    const last_failure = failureToJson(failureOf(reason));
    const { columns, events } = after(rowIn("FAILED", { last_failure }), "FAILED");
    expect(events).toEqual(told ? [{ kind: "RECOVERED", previousStatus: "FAILED" }] : []);
    expect(columns.last_failure).toBeNull();
    expect(kinds(after(rowIn("FAILED", { last_failure }), "CLOSED"))).toEqual(
      told ? ["RECOVERED", "FINAL"] : ["FINAL"],
    );
  });

  test("keeps a state that is newer by DaxPay's clock, or whose request was sent after the row's was recorded", () => {
    const row = rowIn("IN_PROGRESS", {}, 1_000);
    expect(after(row, "FAILED", { repliedAt: 2_000 }, 5_000).columns.status).toBe("FAILED");
    expect(after(row, "FAILED", { repliedAt: 0 }, 1_000).columns.status).toBe("FAILED");
    expect(after(row, "FAILED", { repliedAt: 1_000 }, 1_001)).toEqual({ columns: {}, events: [] });
    expect(after(row, "FAILED", { repliedAt: 0 }, 1_001)).toEqual({ columns: {}, events: [] });
  });

  test("takes a final state of the same second for newer than one that is not", () => {
    const stale = 5_000;
    const row = rowIn("IN_PROGRESS", {}, 1_000);
    expect(kinds(after(row, "CLOSED", { repliedAt: 1_000 }, stale))).toEqual(["FINAL"]);
    expect(after(row, "FAILED", { repliedAt: 1_000, final: true }, stale).columns.status).toBe("FAILED");
    expect(after(rowIn("CLOSED", {}, 1_000), "FAILED", { repliedAt: 1_000 }, stale)).toEqual({
      columns: {},
      events: [],
    });
    expect(after(rowIn("CLOSED", {}, 1_000), "SUCCEEDED", { repliedAt: 1_000 }, stale).columns).toEqual({});
  });

  test("remembers of an older CLOSED that the refund is settled, and nothing else", () => {
    const row = rowIn("FAILED", {}, 1_000);
    expect(after(row, "CLOSED", { repliedAt: 0 }, 5_000)).toEqual({ columns: { settled: true }, events: [] });
    expect(after({ ...row, settled: true }, "CLOSED", { repliedAt: 0 }, 5_000).columns).toEqual({});
  });

  test("takes a state for newer whose database's clock was set back since", () => {
    const row = rowIn("IN_PROGRESS", {}, -900_000);
    expect(after(row, "FAILED").columns.status).toBe("FAILED");
  });
});

describe("transitionOfFailure()", () => {
  test("tells FAILING once, and keeps the last failure", () => {
    const first = transitionOfFailure(rowIn("IN_PROGRESS"), failureOf("UPSTREAM_TIMEOUT"));
    expect(first.events).toEqual([{ kind: "FAILING", previousStatus: "IN_PROGRESS" }]);
    expect(JSON.parse(String(first.columns.last_failure))).toMatchObject({ reason: "UPSTREAM_TIMEOUT" });
    const last_failure = failureToJson(failureOf("UPSTREAM_TIMEOUT"));
    const second = transitionOfFailure(rowIn("IN_PROGRESS", { last_failure }), failureOf("REPLY_UNVERIFIED"));
    expect(second.events).toEqual([]);
    expect(JSON.parse(String(second.columns.last_failure))).toMatchObject({ reason: "REPLY_UNVERIFIED" });
  });

  test.each<Reason>(["SYNC_IN_DOUBT", "SYNC_IN_PROGRESS", "RATE_LIMITED", "DEADLINE_EXCEEDED", "CIRCUIT_OPEN"])(
    "tells nothing of %s, which does not hide a failure before it",
    (reason) => {
      const passing = transitionOfFailure(rowIn("IN_PROGRESS"), failureOf(reason));
      expect(passing.events).toEqual([]);
      expect(JSON.parse(String(passing.columns.last_failure))).toMatchObject({ reason });
      const failing = rowIn("IN_PROGRESS", { last_failure: failureToJson(failureOf("UPSTREAM_TIMEOUT")) });
      expect(transitionOfFailure(failing, failureOf(reason))).toEqual({ columns: {}, events: [] });
      const passed = rowIn("IN_PROGRESS", { last_failure: failureToJson(failureOf(reason)) });
      expect(kinds(transitionOfFailure(passed, failureOf("UPSTREAM_TIMEOUT")))).toEqual(["FAILING"]);
    },
  );

  test.each<Reason>(["REFUND_NOT_FOUND", "INVALID_REQUEST"])("ends tracking with %s, also while it fails", (reason) => {
    for (const last_failure of [null, failureToJson(failureOf("UPSTREAM_TIMEOUT"))]) {
      const { columns, events } = transitionOfFailure(rowOf({ last_failure }), failureOf(reason));
      expect(events).toEqual([{ kind: "FAILING", previousStatus: undefined }]);
      expect(columns).toMatchObject({ tracking_state: "FAILED" });
    }
  });

  test.each([null, "FINAL", "EXPIRED", "UNTRACKED", "FAILED"] as const)(
    "changes nothing of a refund whose tracking is %s",
    (tracking_state) => {
      expect(transitionOfFailure(rowOf({ tracking_state }), failureOf("REFUND_NOT_FOUND")))
        .toEqual({ columns: {}, events: [] });
    },
  );
});
