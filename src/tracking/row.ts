import { Buffer } from "node:buffer";
import type { Evidence } from "../daxpay/evidence.ts";
import type { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundState } from "../refund/state.ts";
import type { Contradiction, Labels, StoredFailure, TrackedRefund, TrackingState } from "./tracking.ts";

/** A value without its members that are undefined, which JSON does not have. */
type Json<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** As in the columns `state` and `contradiction`. An amount can exceed what a JSON number holds exactly. */
export type StateJson = Omit<Json<RefundState>, "amountFen"> & { readonly amountFen?: string };
/** As in the column `last_failure`. */
export type FailureJson = Json<StoredFailure>;
/** As in the column `evidence`; the body as base64. */
export type EvidenceJson = Omit<Json<Evidence>, "body"> & { readonly body?: string };
/** As in the column `contradiction`. */
export type ContradictionJson = Omit<Json<Contradiction>, "previous"> & { readonly previous?: StateJson };

/** The refund as its caller named it, as in the column `request`. */
export interface RequestJson {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly clientIp: string;
}

/** What of a row of `refund` makes a TrackedRefund. */
export interface RefundRow {
  readonly id: number;
  readonly account: string;
  readonly refund_no: string | null;
  readonly biz_refund_no: string | null;
  readonly state: StateJson | null;
  readonly unchanged_since: Date | null;
  readonly attempts: number;
  readonly last_attempt_at: Date | null;
  readonly next_attempt_at: Date | null;
  /** Null where nobody has tracked the refund, as are the following. */
  readonly tracking_state: TrackingState | null;
  readonly labels: Labels | null;
  readonly tracked_at: Date | null;
  readonly tracked_by: string | null;
  readonly expires_at: Date | null;
  readonly request: RequestJson | null;
  readonly last_failure: FailureJson | null;
  readonly contradiction: ContradictionJson | null;
}

/** Selects a RefundRow from `refund`. */
export const REFUND_COLUMNS = `refund.id, refund.account, refund.refund_no, refund.biz_refund_no, refund.state,
  refund.unchanged_since, refund.attempts, refund.last_attempt_at, refund.next_attempt_at, refund.tracking_state,
  refund.labels, refund.tracked_at, refund.tracked_by, refund.expires_at, refund.request, refund.last_failure,
  refund.contradiction`;

/** The tracked refund of a row. Throws a TypeError for the row of a refund that nobody has tracked. */
export function trackedRefundFrom(row: RefundRow): TrackedRefund {
  const { tracking_state: trackingState, tracked_at: trackedAt, expires_at: expiresAt } = row;
  if (!trackingState || !trackedAt || !expiresAt) throw new TypeError(`Expected refund ${row.id} to be tracked`);
  return {
    account: row.account,
    refundNo: row.refund_no ?? row.request?.refundNo ?? "",
    bizRefundNo: row.biz_refund_no ?? row.request?.bizRefundNo ?? "",
    state: stateOf(row),
    trackingState,
    labels: row.labels ?? {},
    trackedAt: trackedAt.getTime(),
    trackedBy: row.tracked_by ?? "",
    expiresAt: expiresAt.getTime(),
    nextAttemptAt: row.next_attempt_at?.getTime(),
    lastAttemptAt: row.last_attempt_at?.getTime(),
    attempts: row.attempts,
    lastFailure: row.last_failure ? failureFromJson(row.last_failure) : undefined,
    contradiction: row.contradiction ? contradictionFromJson(row.contradiction) : undefined,
  };
}

/** The row's last verified state. */
export function stateOf(row: Pick<RefundRow, "state" | "unchanged_since">): RefundState | undefined {
  if (!row.state) return undefined;
  const state = stateFromJson(row.state);
  // The column outlasts the process that saw the state first.
  return { ...state, unchangedSince: row.unchanged_since?.getTime() ?? state.unchangedSince };
}

export function stateToJson({ amountFen, ...state }: RefundState): StateJson {
  return amountFen === undefined ? storable(state) : { ...storable(state), amountFen: amountFen.toString() };
}

export function stateFromJson(json: StateJson): RefundState {
  const { refundNo, bizRefundNo, status, daxpayStatus, repliedAt, daxpayTraceId, final, binding } = json;
  const { nextSyncDelayMs, orderNo, channel, amountFen, finishedAt, errorMessage, unchangedSince } = json;
  return {
    ...required({ refundNo, bizRefundNo, status, daxpayStatus, repliedAt, daxpayTraceId, final, binding }, "state"),
    nextSyncDelayMs,
    orderNo,
    channel,
    amountFen: amountFen === undefined ? undefined : BigInt(amountFen),
    finishedAt,
    errorMessage,
    unchangedSince,
  };
}

/** What of a failure is stored: nothing that is for the log only. */
export function storedFailureFrom(failure: DaxPayFailure): StoredFailure {
  const { reason, message, delivery, step, retryDelayMs, daxpayCode, daxpayMessage, daxpayTraceId } = failure;
  return { reason, message, delivery, step, retryDelayMs, daxpayCode, daxpayMessage, daxpayTraceId };
}

export function failureToJson(failure: StoredFailure): FailureJson {
  return storable(failure);
}

export function failureFromJson(json: FailureJson): StoredFailure {
  const { reason, message, delivery, step, retryDelayMs, daxpayCode, daxpayMessage, daxpayTraceId } = json;
  return {
    ...required({ reason, message, delivery }, "failure"),
    step,
    retryDelayMs,
    daxpayCode,
    daxpayMessage,
    daxpayTraceId,
  };
}

export function evidenceToJson({ body, ...evidence }: Evidence): EvidenceJson {
  return { ...storable(evidence), body: Buffer.from(body).toString("base64") };
}

export function evidenceFromJson(json: EvidenceJson): Evidence {
  const { requestedAt, repliedAt, body, signature, algorithm, fingerprint, release } = json;
  const texts = required(
    { requestedAt, repliedAt, body, signature, algorithm, fingerprint, release },
    "evidence",
  );
  return { ...texts, body: new Uint8Array(Buffer.from(texts.body, "base64")) };
}

export function contradictionToJson({ previous, ...contradiction }: Contradiction): ContradictionJson {
  return { ...storable(contradiction), previous: stateToJson(previous) };
}

export function contradictionFromJson(json: ContradictionJson): Contradiction {
  const { previous, observedAt, note, acknowledgedBy, acknowledgedAt } = json;
  const present = required({ previous, observedAt }, "contradiction");
  return { ...present, previous: stateFromJson(present.previous), note, acknowledgedBy, acknowledgedAt };
}

/**
 * A text as PostgreSQL can store it in text and jsonb: neither takes U+0000 nor half of a surrogate pair, both of which
 * DaxPay's JSON can contain.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** The members that are set, with their texts as PostgreSQL can store them. */
function storable<T extends object>(value: T): Json<T> {
  const entries = Object.entries(value).filter(([, member]) => member !== undefined)
    .map(([name, member]) => [name, typeof member === "string" ? storableText(member) : member]);
  return Object.fromEntries(entries) as Json<T>;
}

type Present<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

/** Throws a TypeError where a member is missing, for example in a row that something else has written. */
function required<T extends object>(members: T, what: string): Present<T> {
  const missing = Object.entries(members).filter(([, member]) => member === undefined).map(([name]) => name);
  if (missing.length > 0) throw new TypeError(`Expected the stored ${what} to have ${missing.join(", ")}`);
  return members as Present<T>;
}
