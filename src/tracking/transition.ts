import type { VerifiedState } from "../refund/shared.ts";
import { isSettled, type RefundState, type Status } from "../refund/state.ts";
import {
  type ContradictionJson,
  contradictionToJson,
  evidenceToJson,
  type FailureJson,
  failureToJson,
  type RefundRow,
  stateFromJson,
  stateToJson,
} from "./row.ts";
import type { EventKind, StoredFailure } from "./tracking.ts";

/** A whole row of `refund`, locked. */
export interface FullRow extends RefundRow {
  readonly merchant_id: number;
  readonly app_id: string;
  readonly status: Status | null;
  readonly final: boolean;
  readonly settled: boolean;
  readonly order_no: string | null;
  readonly state_at: Date | null;
  readonly unchanged_count: number;
  readonly claim: string | null;
  readonly in_doubt: boolean;
  readonly synced_at: Date | null;
  readonly notice: { readonly status: Status; readonly receivedAt: number; readonly tries: number } | null;
  /** The database's clock when the row was read. */
  readonly now: Date;
}

/** What an attempt changes: columns of the row, and what it adds to the journal. */
export interface Transition {
  readonly columns: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly kind: EventKind; readonly previousStatus: Status | undefined }[];
  /** The earlier final state that a verified one differs from. */
  readonly contradicted?: RefundState;
}

const NOTHING: Transition = { columns: {}, events: [] };

/**
 * What a verified state changes. One that may be older than the row's leaves that as it is: its request was sent before the
 * row's state was recorded, and DaxPay's clock does not show that it is newer. `ageMs` is how long ago it was sent.
 */
export function transitionOf(row: FullRow, verified: VerifiedState, ageMs: number): Transition {
  const { state } = verified;
  const last = row.state ? stateFromJson(row.state) : undefined;
  const wasRecordedSince = row.state_at !== null && row.now.getTime() - ageMs < row.state_at.getTime();
  if (last && wasRecordedSince && !isNewer(state, last)) {
    // Whatever came after it: nothing may sync the refund again.
    return isSettled(state.status) && !row.settled ? { columns: { settled: true }, events: [] } : NOTHING;
  }
  const changed = row.status !== state.status;
  const wasFinal = row.final || (last !== undefined && isSettled(last.status));
  const finalState = row.contradiction?.previous
    ? stateFromJson(row.contradiction.previous)
    : wasFinal
    ? last
    : undefined;
  const contradicts = changed && finalState !== undefined && finalState.status !== state.status;
  const active = row.tracking_state === "ACTIVE";
  const previousStatus = row.status ?? undefined;
  const events: { kind: EventKind; previousStatus: Status | undefined }[] = [];
  if (active && row.last_failure && isFailing(row.last_failure)) events.push({ kind: "RECOVERED", previousStatus });
  if (contradicts && row.tracking_state) events.push({ kind: "CONTRADICTED", previousStatus });
  if (active && state.final) events.push({ kind: "FINAL", previousStatus });
  else if (active && changed && !contradicts) events.push({ kind: "CHANGED", previousStatus });
  return {
    columns: {
      status: state.status,
      // A contradicted final state stays known as final: nothing syncs it again.
      final: row.final || state.final,
      settled: row.settled || isSettled(state.status),
      order_no: state.orderNo ?? row.order_no,
      state: JSON.stringify(stateToJson(state)),
      state_at: row.now,
      evidence: JSON.stringify(evidenceToJson(verified.evidence)),
      ...(changed ? { unchanged_since: row.now, unchanged_count: 0 } : { unchanged_count: row.unchanged_count + 1 }),
      ...(contradicts ? { contradiction: JSON.stringify(contradiction(finalState, row)) } : {}),
      ...(row.tracking_state ? { last_failure: null } : {}),
      ...(active && state.final ? { tracking_state: "FINAL" } : {}),
    },
    events,
    ...(contradicts ? { contradicted: finalState } : {}),
  };
}

/** By DaxPay's clock, which tells whole seconds: within one of them a final state follows others. */
function isNewer(state: RefundState, last: RefundState): boolean {
  const isLast = ({ final, status }: RefundState) => final || isSettled(status);
  return state.repliedAt > last.repliedAt || (state.repliedAt === last.repliedAt && isLast(state) && !isLast(last));
}

function contradiction(previous: RefundState, { now }: FullRow): ContradictionJson {
  return contradictionToJson({
    previous,
    observedAt: now.getTime(),
    note: undefined,
    acknowledgedBy: undefined,
    acknowledgedAt: undefined,
  });
}

/** Failures that no further attempt can change. Others, a wrong secret for example, people can repair. */
const ENDS_TRACKING: readonly string[] = ["REFUND_NOT_FOUND", "INVALID_REQUEST"];
/** Failures that only say "not now". */
const PASSING: readonly string[] = [
  "SYNC_IN_DOUBT",
  "SYNC_IN_PROGRESS",
  "RATE_LIMITED",
  "DEADLINE_EXCEEDED",
  "CIRCUIT_OPEN",
];

function isFailing({ reason }: FailureJson): boolean {
  return !PASSING.includes(reason ?? "");
}

/** What a failed attempt of a tracked refund changes. */
export function transitionOfFailure(row: FullRow, failure: StoredFailure): Transition {
  if (row.tracking_state !== "ACTIVE") return NOTHING;
  const previousStatus = row.status ?? undefined;
  const wasFailing = row.last_failure !== null && isFailing(row.last_failure);
  const ends = ENDS_TRACKING.includes(failure.reason);
  const failing = isFailing(failure);
  // What only passes does not hide a failure that still has to be recovered from.
  const last_failure = failing || !wasFailing ? JSON.stringify(failureToJson(failure)) : undefined;
  return {
    columns: { ...(last_failure ? { last_failure } : {}), ...(ends ? { tracking_state: "FAILED" } : {}) },
    events: ends || (failing && !wasFailing) ? [{ kind: "FAILING", previousStatus }] : [],
  };
}
