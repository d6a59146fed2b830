import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { failureOf, isConnectionError } from "../client.ts";
import { type Refund, RefundStatus } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import type { BatchSyncRefundsResponse, WatchRefundResponse } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { FailureReason, type SyncFailure } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Advice, FailureMessages, Messages, StatusMessages } from "./i18n/en.ts";

/** The result of one request about a refund. */
export type Outcome = RefundOutcome | FailedOutcome;

export interface RefundOutcome {
  readonly case: "refund";
  readonly value: Refund;
  /** The earlier final state that this one contradicts. */
  readonly contradicts?: Refund;
}

export type FailedOutcome =
  /** A failure that the service explains. The error is unset where the failure is a message of a stream. */
  | { readonly case: "failure"; readonly value: SyncFailure; readonly error?: ConnectError }
  /** A failure without a SyncFailure, for example of the connection. */
  | { readonly case: "error"; readonly error: ConnectError };

/** The colour and the shape of an outcome. */
export type StatusKind = "succeeded" | "progress" | "failed" | "closed" | "notFound" | "unknown" | "noState";

const KINDS: Record<RefundStatus, StatusKind> = {
  [RefundStatus.UNSPECIFIED]: "unknown",
  [RefundStatus.IN_PROGRESS]: "progress",
  [RefundStatus.SUCCEEDED]: "succeeded",
  [RefundStatus.FAILED]: "failed",
  [RefundStatus.CLOSED]: "closed",
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: "notFound",
  [RefundStatus.UNKNOWN]: "unknown",
};

/** DaxPay's Chinese names of its statuses (RefundSyncStatusEnum, RefundStatusEnum). */
const CHINESE_NAMES: Record<RefundStatus, string> = {
  [RefundStatus.UNSPECIFIED]: "",
  [RefundStatus.IN_PROGRESS]: "退款中",
  [RefundStatus.SUCCEEDED]: "退款成功",
  [RefundStatus.FAILED]: "退款失败",
  [RefundStatus.CLOSED]: "退款关闭",
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: "交易不存在",
  [RefundStatus.UNKNOWN]: "",
};

/** Reasons of errors that arrive without a SyncFailure, for example from a proxy. */
const REASONS: Partial<Record<Code, FailureReason>> = {
  [Code.Unauthenticated]: FailureReason.UNAUTHENTICATED,
  [Code.PermissionDenied]: FailureReason.PERMISSION_DENIED,
  [Code.InvalidArgument]: FailureReason.INVALID_REQUEST,
  [Code.ResourceExhausted]: FailureReason.RATE_LIMITED,
  [Code.DeadlineExceeded]: FailureReason.DEADLINE_EXCEEDED,
};

/** Codes of errors without a SyncFailure after which the same request can succeed. */
const RETRYABLE_CODES: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
];

export function outcomeFrom(error: unknown): FailedOutcome {
  const connectError = ConnectError.from(error);
  const failure = failureOf(connectError);
  return failure ? { case: "failure", value: failure, error: connectError } : { case: "error", error: connectError };
}

/** The outcome that a message of a stream holds; undefined for a kind that this page does not know. */
export function outcomeIn({ outcome }: BatchSyncRefundsResponse | WatchRefundResponse): Outcome | undefined {
  return outcome.case === undefined ? undefined : outcome;
}

export function codeOf(outcome: FailedOutcome): Code {
  return outcome.error?.code ?? (outcome.case === "failure" ? outcome.value.code : Code.Unknown);
}

export function isUnauthenticated(outcome: Outcome): boolean {
  return outcome.case !== "refund" && codeOf(outcome) === Code.Unauthenticated;
}

export function isInvalidRequest(outcome: FailedOutcome): boolean {
  return reasonOf(outcome) === FailureReason.INVALID_REQUEST;
}

/** Milliseconds to wait before the retry; undefined where a retry fails again. */
export function retryDelayMs(outcome: FailedOutcome): number | undefined {
  if (outcome.case === "failure") return outcome.value.retryDelay && durationMs(outcome.value.retryDelay);
  return isConnectionError(outcome.error) || RETRYABLE_CODES.includes(outcome.error.code) ? 0 : undefined;
}

export function kindOf(outcome: Outcome): StatusKind {
  return outcome.case === "refund" ? KINDS[outcome.value.status] ?? "unknown" : "noState";
}

export function chineseNameOf({ status }: Refund): string {
  return CHINESE_NAMES[status] ?? "";
}

/** The outcome in a few words. */
export function nameOf(outcome: Outcome, messages: Messages): string {
  if (outcome.case !== "refund") return failureMessages(outcome, messages).title;
  const { name } = statusMessages(outcome.value, messages);
  return outcome.contradicts ? `${name} · ${messages.refund.contradiction}` : name;
}

export function statusMessages({ status }: Refund, messages: Messages): StatusMessages {
  return messages.status[status] ?? messages.status[RefundStatus.UNKNOWN];
}

export function adviceOf(refund: Refund, messages: Messages): Advice {
  const texts = statusMessages(refund, messages);
  return refund.final ? texts : texts.notFinal ?? texts;
}

export function failureMessages(outcome: FailedOutcome, messages: Messages): FailureMessages {
  const reason = reasonOf(outcome);
  if (reason !== undefined) return messages.failure[reason] ?? messages.failure[FailureReason.UNSPECIFIED];
  return isConnectionError(outcome.error) ? messages.connectionError : messages.otherError;
}

function reasonOf(outcome: FailedOutcome): FailureReason | undefined {
  return outcome.case === "failure" ? outcome.value.reason : REASONS[outcome.error.code];
}
