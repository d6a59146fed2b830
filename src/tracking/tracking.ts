import type { Evidence } from "../daxpay/evidence.ts";
import type { Delivery, Reason, Step } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import type { RefundState, Status } from "../refund/state.ts";

/** Whether and why a refund is still tracked. */
export const TRACKING_STATES = ["ACTIVE", "FINAL", "EXPIRED", "UNTRACKED", "FAILED"] as const;
export type TrackingState = typeof TRACKING_STATES[number];

/** What an event tells. */
export const EVENT_KINDS = [
  "TRACKED",
  "CHANGED",
  "FINAL",
  "CONTRADICTED",
  "FAILING",
  "RECOVERED",
  "EXPIRED",
  "UNTRACKED",
] as const;
export type EventKind = typeof EVENT_KINDS[number];

export type Labels = Readonly<Record<string, string>>;

/** A DaxPayFailure as it is stored. */
export interface StoredFailure {
  readonly reason: Reason;
  readonly message: string;
  readonly delivery: Delivery;
  readonly step: Step | undefined;
  readonly retryDelayMs: number | undefined;
  readonly daxpayCode: number | undefined;
  readonly daxpayMessage: string | undefined;
  readonly daxpayTraceId: string | undefined;
}

/** A verified state that differs from an earlier final one. Times are epoch milliseconds. */
export interface Contradiction {
  readonly previous: RefundState;
  readonly observedAt: number;
  readonly note: string | undefined;
  readonly acknowledgedBy: string | undefined;
  readonly acknowledgedAt: number | undefined;
}

/** A tracked refund. Times are epoch milliseconds of the database's clock. */
export interface TrackedRefund {
  readonly account: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
  /** Undefined before the first reply. */
  readonly state: RefundState | undefined;
  readonly trackingState: TrackingState;
  readonly labels: Labels;
  readonly trackedAt: number;
  readonly trackedBy: string;
  readonly expiresAt: number;
  /** Undefined where none is due. */
  readonly nextAttemptAt: number | undefined;
  readonly lastAttemptAt: number | undefined;
  readonly attempts: number;
  readonly lastFailure: StoredFailure | undefined;
  readonly contradiction: Contradiction | undefined;
}

/** One change of a tracked refund. */
export interface TrackingEvent {
  readonly cursor: string;
  /** When it was committed, in epoch milliseconds of the database's clock. */
  readonly eventAt: number;
  readonly kind: EventKind;
  readonly account: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
  /** Undefined before the first reply. */
  readonly state: RefundState | undefined;
  readonly previousStatus: Status | undefined;
  readonly labels: Labels;
  readonly failure: StoredFailure | undefined;
  readonly evidence: Evidence | undefined;
}

export interface TrackRequest {
  /** A configured one. */
  readonly account: string;
  readonly refund: RefundQuery;
  readonly labels: Labels;
  /** Milliseconds; undefined: TRACK_TIMEOUT. */
  readonly expireAfterMs: number | undefined;
}

/** Names a tracked refund by either number; with both, refundNo decides. */
export interface TrackedName {
  readonly account: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
}

export interface TrackResult {
  readonly trackedRefund: TrackedRefund;
  /** Whether the request started the tracking. */
  readonly created: boolean;
}

export interface ListQuery {
  /** Undefined: all. */
  readonly accounts: readonly string[] | undefined;
  /** AIP-160; empty: all. */
  readonly filter: string;
  /** AIP-132; empty: by the time of tracking. */
  readonly orderBy: string;
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

export interface EventsQuery {
  /** Undefined: all. */
  readonly accounts: readonly string[] | undefined;
  /** Empty: from the oldest event. */
  readonly afterCursor: string;
}

export type StreamedEvent =
  | { readonly kind: "event"; readonly event: TrackingEvent }
  /** Nothing has happened for a while; the cursor is where to resume. */
  | { readonly kind: "heartbeat"; readonly cursor: string };

/**
 * Follows refunds durably. Throws a TrackingError where it cannot, with INVALID_REQUEST for a filter, order, page
 * token or cursor that it does not understand.
 */
export interface Tracking {
  /** One result for each request, in their order. `trackedBy` is the caller's name, or empty. */
  track(requests: readonly TrackRequest[], trackedBy: string): Promise<(TrackResult | TrackingError)[]>;
  get(name: TrackedName): Promise<TrackedRefund>;
  list(query: ListQuery): Promise<Page<TrackedRefund>>;
  untrack(name: TrackedName): Promise<TrackedRefund>;
  acknowledge(name: TrackedName, note: string, acknowledgedBy: string): Promise<TrackedRefund>;
  /** The events after the cursor, at most `limit`. */
  listEvents(query: EventsQuery, limit: number): Promise<readonly TrackingEvent[]>;
  /** All events after the cursor, then each as it is committed. Ends with the signal's reason. */
  streamEvents(query: EventsQuery, signal: AbortSignal): AsyncGenerator<StreamedEvent>;
}

/** Why there is no answer. */
export type TrackingReason =
  | "NOT_TRACKED"
  | "CURSOR_EXPIRED"
  | "STORE_UNAVAILABLE"
  | "STORE_REPLACED"
  | "INVALID_REQUEST";

/** See TrackingError. */
export interface TrackingErrorOptions {
  readonly field?: string;
  readonly retryDelayMs?: number;
  readonly oldestCursor?: string;
  readonly cause?: unknown;
}

export class TrackingError extends Error {
  override readonly name = "TrackingError";
  readonly reason: TrackingReason;
  /** For INVALID_REQUEST: the field of the request, in the contract's spelling, for example "after_cursor". */
  readonly field: string | undefined;
  /** Milliseconds; undefined where a retry cannot succeed. */
  readonly retryDelayMs: number | undefined;
  /** For CURSOR_EXPIRED: where to resume instead, which the message names, too. */
  readonly oldestCursor: string | undefined;

  constructor(reason: TrackingReason, message: string, options: TrackingErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.field = options.field;
    this.retryDelayMs = options.retryDelayMs;
    this.oldestCursor = options.oldestCursor;
  }
}
