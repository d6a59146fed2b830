/** Whether DaxPay received the sync. IN_DOUBT: it was sent and no reply was received. */
export type Delivery = "NOT_SENT" | "IN_DOUBT" | "ANSWERED";

/** Which request to DaxPay failed: the query before the sync, the sync, or the query after it. */
export type Step = "QUERY" | "SYNC" | "CONFIRM";

/** The defaults of a reason. `retryDelayMs` is unset where a retry cannot succeed. */
interface ReasonRow {
  readonly delivery: Delivery;
  readonly retryDelayMs?: number;
}

/** Every reason why a call to DaxPay returns no state, by its name in the contract. */
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
  DEADLINE_EXCEEDED: { delivery: "NOT_SENT", retryDelayMs: 1_000 },
  SYNC_IN_DOUBT: { delivery: "IN_DOUBT", retryDelayMs: 5_000 },
  CIRCUIT_OPEN: { delivery: "NOT_SENT", retryDelayMs: 1_000 },
  STORE_REPLACED: { delivery: "NOT_SENT" },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

/** What is known of one failure besides its reason. */
export interface FailureOptions {
  readonly step?: Step;
  readonly daxpayCode?: number;
  /** DaxPay's text, without what it reveals of its internals. */
  readonly daxpayMessage?: string;
  readonly daxpayTraceId?: string;
  /** For the log only, never for callers: SQL, stack traces and exception texts that DaxPay returned. */
  readonly logDetail?: string;
  /** Milliseconds; replaces the reason's default. */
  readonly retryDelayMs?: number;
  /** Replaces the reason's default. */
  readonly delivery?: Delivery;
  /** Set where it differs from what `delivery` says. */
  readonly replied?: boolean;
  /** HTTP status of the reply, where the status is what failed. */
  readonly status?: number;
  /** Whether DaxPay, a proxy or a payment channel asks for fewer requests. */
  readonly throttled?: boolean;
  /** Whether the next request is signed with another secret or key than the one that DaxPay rejected. */
  readonly otherKey?: boolean;
  readonly cause?: unknown;
}

/** A call to DaxPay that returned no state. It says nothing about the refund itself, except as REFUND_NOT_FOUND. */
export class DaxPayFailure extends Error {
  override readonly name: string = "DaxPayFailure";
  readonly reason: Reason;
  readonly step: Step | undefined;
  /** Of the sync, also where a query before or after it failed. */
  readonly delivery: Delivery;
  /** Whether a reply to the failed request, be it a query or a sync, was received. */
  readonly replied: boolean;
  /** Milliseconds; undefined where a retry cannot succeed. */
  readonly retryDelayMs: number | undefined;
  readonly daxpayCode: number | undefined;
  readonly daxpayMessage: string | undefined;
  readonly daxpayTraceId: string | undefined;
  /** For the log only, never for callers. */
  readonly logDetail: string | undefined;
  readonly status: number | undefined;
  readonly throttled: boolean;
  readonly otherKey: boolean;
  readonly #options: FailureOptions;

  constructor(reason: Reason, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const row: ReasonRow = REASONS[reason];
    this.reason = reason;
    this.step = options.step;
    this.delivery = options.delivery ?? row.delivery;
    this.replied = options.replied ?? this.delivery === "ANSWERED";
    this.retryDelayMs = options.retryDelayMs ?? row.retryDelayMs;
    this.daxpayCode = options.daxpayCode;
    this.daxpayMessage = options.daxpayMessage;
    this.daxpayTraceId = options.daxpayTraceId;
    this.logDetail = options.logDetail;
    this.status = options.status;
    this.throttled = options.throttled ?? false;
    this.otherKey = options.otherKey ?? false;
    this.#options = options;
  }

  get retryable(): boolean {
    return this.retryDelayMs !== undefined;
  }

  /** Copies the failure with some of its options replaced. */
  with(changes: FailureOptions & { readonly message?: string }): DaxPayFailure {
    const { message = this.message, ...options } = changes;
    return new DaxPayFailure(this.reason, message, { ...this.#options, ...options });
  }
}
