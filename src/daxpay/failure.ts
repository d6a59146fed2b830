/** Whether DaxPay heard of a call. UNKNOWN: it was sent and no answer was seen. */
export type Delivery = "NOT_SENT" | "IN_DOUBT" | "ANSWERED";

/** What is always true of a reason. `retryAfterMs` is unset where repeating the call will not help. */
interface ReasonRow {
  readonly delivery: Delivery;
  readonly retryDelayMs?: number;
}

/** Every reason why a sync gives no state, by its name in the contract. */
export const REASONS = {
  REFUND_NOT_FOUND: { delivery: "ANSWERED" },
  SYNC_IN_PROGRESS: { delivery: "ANSWERED", retryDelayMs: 1_000 },
  CHANNEL_FAILED: { delivery: "ANSWERED", retryDelayMs: 60_000 },
  INVALID_REQUEST: { delivery: "ANSWERED" },
  CLOCK_SKEW: { delivery: "ANSWERED" },
  SIGNATURE_REJECTED: { delivery: "ANSWERED" },
  NOT_CONFIGURED: { delivery: "ANSWERED" },
  UPSTREAM_ERROR: { delivery: "ANSWERED", retryDelayMs: 5_000 },
  UPSTREAM_UNREACHABLE: { delivery: "NOT_SENT", retryDelayMs: 1_000 },
  UPSTREAM_TIMEOUT: { delivery: "IN_DOUBT", retryDelayMs: 5_000 },
  REPLY_INTERRUPTED: { delivery: "IN_DOUBT", retryDelayMs: 5_000 },
  REPLY_MALFORMED: { delivery: "ANSWERED" },
  REPLY_UNVERIFIED: { delivery: "ANSWERED" },
  REPLY_MISMATCHED: { delivery: "ANSWERED" },
  RATE_LIMITED: { delivery: "NOT_SENT", retryDelayMs: 1_000 },
  UNKNOWN_DAXPAY_CODE: { delivery: "ANSWERED" },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

/** What is known of one failure besides its reason. */
export interface FailureOptions {
  /** DaxPay's code. */
  readonly daxpayCode?: number;
  /** DaxPay's text, whole. */
  readonly daxpayMessage?: string;
  readonly daxpayTraceId?: string;
  /** Milliseconds; replaces the reason's own. */
  readonly retryDelayMs?: number;
  /** Replaces the reason's own. */
  readonly delivery?: Delivery;
  /** HTTP status of the answer, where it is what failed. */
  readonly status?: number;
  /** Whether DaxPay or a channel asks for fewer calls. */
  readonly throttled?: boolean;
  readonly cause?: unknown;
}

/** A sync that gave no state. It says nothing about the refund itself, except as REFUND_NOT_FOUND. */
export class DaxPayFailure extends Error {
  override readonly name: string = "DaxPayFailure";
  readonly reason: Reason;
  readonly delivery: Delivery;
  /** Milliseconds; undefined where repeating the call will not help. */
  readonly retryDelayMs: number | undefined;
  readonly daxpayCode: number | undefined;
  readonly daxpayMessage: string | undefined;
  readonly daxpayTraceId: string | undefined;
  readonly status: number | undefined;
  readonly throttled: boolean;

  constructor(reason: Reason, message: string, facts: FailureOptions = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    const row: ReasonRow = REASONS[reason];
    this.reason = reason;
    this.delivery = facts.delivery ?? row.delivery;
    this.retryDelayMs = facts.retryDelayMs ?? row.retryDelayMs;
    this.daxpayCode = facts.daxpayCode;
    this.daxpayMessage = facts.daxpayMessage;
    this.daxpayTraceId = facts.daxpayTraceId;
    this.status = facts.status;
    this.throttled = facts.throttled ?? false;
  }
}
