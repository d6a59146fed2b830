/** Whether DaxPay heard of a call. UNKNOWN: it was sent and no answer was seen. */
export type Delivery = "NOT_SENT" | "UNKNOWN" | "ANSWERED";

/** What is always true of a reason. `retryAfterMs` is unset where repeating the call will not help. */
interface ReasonRow {
  readonly delivery: Delivery;
  readonly retryAfterMs?: number;
}

/** Every reason why a sync gives no state, by its name in the contract. */
export const REASONS = {
  REFUND_UNKNOWN: { delivery: "ANSWERED" },
  SYNC_IN_PROGRESS: { delivery: "ANSWERED", retryAfterMs: 1_000 },
  CHANNEL_FAILED: { delivery: "ANSWERED", retryAfterMs: 60_000 },
  REQUEST_INVALID: { delivery: "ANSWERED" },
  CLOCK_SKEWED: { delivery: "ANSWERED" },
  SIGNATURE_REFUSED: { delivery: "ANSWERED" },
  NOT_CONFIGURED: { delivery: "ANSWERED" },
  UPSTREAM_FAULT: { delivery: "ANSWERED", retryAfterMs: 5_000 },
  UPSTREAM_UNREACHABLE: { delivery: "NOT_SENT", retryAfterMs: 1_000 },
  UPSTREAM_TIMEOUT: { delivery: "UNKNOWN", retryAfterMs: 5_000 },
  REPLY_INTERRUPTED: { delivery: "UNKNOWN", retryAfterMs: 5_000 },
  REPLY_MALFORMED: { delivery: "ANSWERED" },
  REPLY_UNVERIFIED: { delivery: "ANSWERED" },
  REPLY_MISMATCHED: { delivery: "ANSWERED" },
  OVERLOADED: { delivery: "NOT_SENT", retryAfterMs: 1_000 },
  UNEXPLAINED: { delivery: "ANSWERED" },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

/** What is known of one failure besides its reason. */
export interface FailureFacts {
  /** DaxPay's code. */
  readonly code?: number;
  /** DaxPay's text, whole. */
  readonly text?: string;
  readonly traceId?: string;
  /** Milliseconds; replaces the reason's own. */
  readonly retryAfterMs?: number;
  /** Replaces the reason's own. */
  readonly delivery?: Delivery;
  /** HTTP status of the answer, where it is what failed. */
  readonly status?: number;
  /** Whether DaxPay or a channel asks for fewer calls. */
  readonly limited?: boolean;
  readonly cause?: unknown;
}

/** A sync that gave no state. It says nothing about the refund itself, except as REFUND_UNKNOWN. */
export class DaxPayFailure extends Error {
  override readonly name: string = "DaxPayFailure";
  readonly reason: Reason;
  readonly delivery: Delivery;
  /** Milliseconds; undefined where repeating the call will not help. */
  readonly retryAfterMs: number | undefined;
  readonly code: number | undefined;
  readonly text: string | undefined;
  readonly traceId: string | undefined;
  readonly status: number | undefined;
  readonly limited: boolean;

  constructor(reason: Reason, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    const row: ReasonRow = REASONS[reason];
    this.reason = reason;
    this.delivery = facts.delivery ?? row.delivery;
    this.retryAfterMs = facts.retryAfterMs ?? row.retryAfterMs;
    this.code = facts.code;
    this.text = facts.text;
    this.traceId = facts.traceId;
    this.status = facts.status;
    this.limited = facts.limited ?? false;
  }
}
