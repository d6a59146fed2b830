import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { DaxPayFailure, Delivery as DeliveryName, Step as StepName } from "../daxpay/failure.ts";
import {
  Delivery,
  FailureReason,
  Step,
  type SyncFailure,
  SyncFailureSchema,
} from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import type { TrackingError } from "../tracking/tracking.ts";

/** The contract's names of the reasons. */
export type ReasonName = Exclude<keyof typeof FailureReason, "UNSPECIFIED">;

/** Who defines the reasons in google.rpc.ErrorInfo. */
const DOMAIN = "daxpay.refundsync.v1";
/** Maximum characters of a text from DaxPay. */
const MAX_TEXT_LENGTH = 500;

/** The code of a unary call's error, by reason. */
export const CODES: Readonly<Record<ReasonName, Code>> = {
  REFUND_NOT_FOUND: Code.NotFound,
  SYNC_IN_PROGRESS: Code.Aborted,
  CHANNEL_FAILED: Code.Unavailable,
  INVALID_REQUEST: Code.InvalidArgument,
  CLOCK_SKEW: Code.FailedPrecondition,
  SIGNATURE_REJECTED: Code.FailedPrecondition,
  NOT_CONFIGURED: Code.FailedPrecondition,
  UPSTREAM_ERROR: Code.Unavailable,
  UPSTREAM_UNREACHABLE: Code.Unavailable,
  UPSTREAM_TIMEOUT: Code.DeadlineExceeded,
  REPLY_INTERRUPTED: Code.Unavailable,
  REPLY_MALFORMED: Code.DataLoss,
  REPLY_UNVERIFIED: Code.DataLoss,
  REPLY_MISMATCHED: Code.DataLoss,
  RATE_LIMITED: Code.ResourceExhausted,
  UNKNOWN_DAXPAY_CODE: Code.Unknown,
  UNAUTHENTICATED: Code.Unauthenticated,
  PERMISSION_DENIED: Code.PermissionDenied,
  SHUTTING_DOWN: Code.Unavailable,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  SYNC_IN_DOUBT: Code.Unavailable,
  CIRCUIT_OPEN: Code.Unavailable,
  INTERNAL: Code.Internal,
  TRACKING_DISABLED: Code.FailedPrecondition,
  STORE_UNAVAILABLE: Code.Unavailable,
  STORE_REPLACED: Code.FailedPrecondition,
  NOT_TRACKED: Code.NotFound,
  CURSOR_EXPIRED: Code.OutOfRange,
};

/** The reason of an error that Connect or an interceptor raised, by its code: nothing was sent to DaxPay for any of them. */
const REASONS_BY_CODE: Readonly<Partial<Record<Code, ReasonName>>> = {
  [Code.InvalidArgument]: "INVALID_REQUEST",
  [Code.Unimplemented]: "INVALID_REQUEST",
  [Code.ResourceExhausted]: "INVALID_REQUEST",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  // Authentication could not reach the issuer's keys.
  [Code.Unavailable]: "UNAUTHENTICATED",
};
/** Milliseconds; for errors that can pass. */
const RETRY_DELAY_MS = 1_000;

/** The messages that errors carry as details, for reflection. */
export const ERROR_DETAILS = [SyncFailureSchema, ErrorInfoSchema, RetryInfoSchema, BadRequestSchema] as const;

type Detail = NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number];

/** What is known of a failure. */
export interface FailureFields {
  readonly reason: ReasonName;
  readonly message: string;
  readonly delivery?: DeliveryName;
  readonly step?: StepName | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly daxpayCode?: number | undefined;
  readonly daxpayMessage?: string | undefined;
  readonly daxpayTraceId?: string | undefined;
  /** Replaces the reason's own. */
  readonly code?: Code;
}

/** The number of the refund that an error is about, for google.rpc.ErrorInfo. */
export interface RefundNumbers {
  readonly refundNo: string;
  readonly bizRefundNo: string;
}

export function messageFromFailure(fields: FailureFields): SyncFailure {
  const { reason, delivery = "NOT_SENT", step, retryDelayMs, daxpayCode } = fields;
  const init: MessageInitShape<typeof SyncFailureSchema> = {
    reason: FailureReason[reason],
    delivery: Delivery[delivery],
    step: step ? Step[step] : Step.UNSPECIFIED,
    code: fields.code ?? CODES[reason],
    message: truncate(fields.message),
    daxpayMessage: truncate(fields.daxpayMessage ?? ""),
    daxpayTraceId: truncate(fields.daxpayTraceId ?? ""),
    retryable: retryDelayMs !== undefined,
  };
  if (daxpayCode !== undefined) init.daxpayCode = daxpayCode;
  if (retryDelayMs !== undefined) init.retryDelay = durationFromMs(Math.ceil(retryDelayMs));
  return create(SyncFailureSchema, init);
}

/** The error that callers get for a failure of a sync. */
export function connectErrorFrom(failure: DaxPayFailure, numbers?: RefundNumbers): ConnectError {
  return serviceError(failure, { cause: failure, numbers });
}

/** One broken rule of the contract. */
export interface Violation {
  /** Path in the contract's spelling, for example "requests[3].refund_no"; empty for the whole request. */
  readonly field: string;
  readonly description: string;
}

export function invalidRequestError(violations: readonly Violation[]): ConnectError {
  const badRequest: Detail = { desc: BadRequestSchema, value: { fieldViolations: [...violations] } };
  return serviceError({ reason: "INVALID_REQUEST", message: describeViolations(violations) }, {
    details: [badRequest],
  });
}

/** A request for an account that does not exist, or that its caller may not use. */
export class AccountError extends Error {
  override readonly name = "AccountError";
  readonly reason: "INVALID_REQUEST" | "PERMISSION_DENIED";
  readonly violations: readonly Violation[];

  constructor(reason: AccountError["reason"], description: string) {
    const violations = reason === "INVALID_REQUEST" ? [{ field: "account", description }] : [];
    super(violations.length > 0 ? describeViolations(violations) : description);
    this.reason = reason;
    this.violations = violations;
  }
}

export function accountError(error: AccountError): ConnectError {
  const { reason, message, violations } = error;
  return reason === "INVALID_REQUEST" ? invalidRequestError(violations) : serviceError({ reason, message });
}

export function describeViolations(violations: readonly Violation[]): string {
  return violations.map(({ field, description }) => field ? `${field}: ${description}` : description).join("; ");
}

export function trackingDisabledError(): ConnectError {
  return serviceError({
    reason: "TRACKING_DISABLED",
    message: "Tracking is disabled: the service runs without a database",
  });
}

/** The error that callers get where refunds cannot be tracked. */
export function connectErrorFromTracking(error: TrackingError, numbers?: RefundNumbers): ConnectError {
  if (error.reason === "INVALID_REQUEST") return invalidRequestError([violationFrom(error)]);
  const metadata: Record<string, string> = {};
  if (error.oldestCursor !== undefined) metadata.oldest_cursor = error.oldestCursor;
  return serviceError(trackingFailureFields(error), { cause: error, numbers, metadata });
}

export function trackingFailureFields(error: TrackingError): FailureFields {
  const { reason } = error;
  const message = reason === "INVALID_REQUEST" ? describeViolations([violationFrom(error)]) : error.message;
  const retryDelayMs = error.retryDelayMs ?? (reason === "STORE_UNAVAILABLE" ? RETRY_DELAY_MS : undefined);
  return { reason, message, retryDelayMs };
}

function violationFrom({ field = "", message }: TrackingError): Violation {
  return { field, description: message };
}

/** What calls end with while the service shuts down: another replica takes them at once. */
export function shuttingDownError(cause?: unknown, delivery: DeliveryName = "NOT_SENT"): ConnectError {
  const message = "The service is shutting down";
  const step = delivery === "NOT_SENT" ? undefined : "SYNC";
  return serviceError({ reason: "SHUTTING_DOWN", message, delivery, step, retryDelayMs: RETRY_DELAY_MS }, { cause });
}

/** The error of a call whose signal aborted, for this reason, during a sync: it says that the sync was sent. */
export function abortedDuringSyncError(reason: unknown): unknown {
  if (!(reason instanceof ConnectError) || reason.code === Code.Canceled) return reason;
  const [failure] = reason.findDetails(SyncFailureSchema);
  if (failure?.reason === FailureReason.SHUTTING_DOWN) return shuttingDownError(reason.cause, "IN_DOUBT");
  return serviceError({ ...fieldsOf(reason), delivery: "IN_DOUBT", step: "SYNC" }, { cause: reason.cause });
}

/** The error with the contract's details, where it has none: for errors that Connect or an interceptor raised. */
export function completeError(error: ConnectError): ConnectError {
  // Nobody reads the error of a call that its client canceled.
  if (error.code === Code.Canceled || hasSyncFailure(error)) return error;
  const details = [...error.details, ...detailsOf(fieldsOf(error))] as Detail[];
  return new ConnectError(error.rawMessage, error.code, error.metadata, details, error.cause);
}

/** What Connect's or an interceptor's error says in the contract's terms. */
function fieldsOf(error: ConnectError): FailureFields {
  // Connect gives `internal` to a message that it cannot decode, which is the caller's.
  const undecodable = error.code === Code.Internal && error.rawMessage.startsWith("parse binary: ");
  const reason = undecodable ? "INVALID_REQUEST" : REASONS_BY_CODE[error.code] ?? "INTERNAL";
  const passes = error.code === Code.Unavailable || error.code === Code.DeadlineExceeded;
  const retryDelayMs = passes ? RETRY_DELAY_MS : undefined;
  return { reason, message: error.rawMessage, code: error.code, retryDelayMs };
}

interface ErrorOptions {
  readonly numbers?: RefundNumbers;
  readonly details?: readonly Detail[];
  /** Of google.rpc.ErrorInfo, besides what all errors have. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

function serviceError(fields: FailureFields, options: ErrorOptions = {}): ConnectError {
  const { details = [], cause } = options;
  const code = fields.code ?? CODES[fields.reason];
  const message = fields.message.toWellFormed();
  return new ConnectError(message, code, undefined, [...detailsOf(fields, options), ...details], cause);
}

function detailsOf(fields: FailureFields, options: Pick<ErrorOptions, "numbers" | "metadata"> = {}): Detail[] {
  const { numbers } = options;
  const metadata: Record<string, string> = { ...options.metadata, delivery: fields.delivery ?? "NOT_SENT" };
  if (fields.daxpayCode !== undefined) metadata.daxpay_code = String(fields.daxpayCode);
  if (numbers?.refundNo) metadata.refund_no = numbers.refundNo.toWellFormed();
  if (numbers?.bizRefundNo) metadata.biz_refund_no = numbers.bizRefundNo.toWellFormed();
  const details: Detail[] = [
    { desc: SyncFailureSchema, value: messageFromFailure(fields) },
    { desc: ErrorInfoSchema, value: { reason: fields.reason, domain: DOMAIN, metadata } },
  ];
  if (fields.retryDelayMs !== undefined) {
    details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(Math.ceil(fields.retryDelayMs)) } });
  }
  return details;
}

/** Details are messages to send, or bytes where the error came from elsewhere. */
function hasSyncFailure({ details }: ConnectError): boolean {
  const { typeName } = SyncFailureSchema;
  return details.some((detail) => "desc" in detail ? detail.desc.typeName === typeName : detail.type === typeName);
}

/** DaxPay's text as a protobuf string: no half of a surrogate pair. */
export function truncate(text: string): string {
  const short = text.length > MAX_TEXT_LENGTH
    ? [...text.slice(0, 2 * MAX_TEXT_LENGTH)].slice(0, MAX_TEXT_LENGTH).join("")
    : text;
  return short.toWellFormed();
}
