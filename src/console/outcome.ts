import { Code, ConnectError } from "@connectrpc/connect";
import { failureOf, isConnectionError } from "../client.ts";
import { type Refund, RefundStatus } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import { FailureReason, type SyncFailure } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { FailureWords, Words } from "./words/en.ts";

/** What one question about a refund led to. */
export type Outcome =
  | { readonly case: "refund"; readonly value: Refund }
  /** Why DaxPay told no state. The error is missing where the failure came inside a stream. */
  | { readonly case: "failure"; readonly value: SyncFailure; readonly error?: ConnectError }
  /** The call failed before DaxPay had a part in it. */
  | { readonly case: "error"; readonly error: ConnectError };

/** The colour and the shape of an outcome. */
export type Mark = "succeeded" | "progress" | "failed" | "closed" | "missing" | "unknown" | "silent";

const MARKS: Record<RefundStatus, Mark> = {
  [RefundStatus.UNSPECIFIED]: "unknown",
  [RefundStatus.IN_PROGRESS]: "progress",
  [RefundStatus.SUCCEEDED]: "succeeded",
  [RefundStatus.FAILED]: "failed",
  [RefundStatus.CLOSED]: "closed",
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: "missing",
  [RefundStatus.UNKNOWN]: "unknown",
};

/** DaxPay's Chinese names of its statuses (RefundSyncStatusEnum, RefundStatusEnum); its own word may be newer than we. */
const CHINESE: Record<RefundStatus, string> = {
  [RefundStatus.UNSPECIFIED]: "",
  [RefundStatus.IN_PROGRESS]: "退款中",
  [RefundStatus.SUCCEEDED]: "退款成功",
  [RefundStatus.FAILED]: "退款失败",
  [RefundStatus.CLOSED]: "退款关闭",
  [RefundStatus.NOT_FOUND_AT_CHANNEL]: "交易不存在",
  [RefundStatus.UNKNOWN]: "",
};

export function chineseNameOf({ status }: Refund): string {
  return CHINESE[status] ?? "";
}

export function outcomeFrom(error: unknown): Outcome {
  const connectError = ConnectError.from(error);
  const failure = failureOf(connectError);
  return failure ? { case: "failure", value: failure, error: connectError } : { case: "error", error: connectError };
}

export function isRefused(outcome: Outcome): boolean {
  return outcome.case === "error" && outcome.error.code === Code.Unauthenticated;
}

export function markOf(outcome: Outcome): Mark {
  return outcome.case === "refund" ? MARKS[outcome.value.status] ?? "unknown" : "silent";
}

/** The outcome in a few words. */
export function nameOf(outcome: Outcome, words: Words): string {
  return outcome.case === "refund" ? statusWords(outcome.value, words).name : failureWords(outcome, words).title;
}

export function statusWords({ status }: Refund, words: Words) {
  return words.status[status] ?? words.status[RefundStatus.UNKNOWN];
}

export function failureWords(outcome: Exclude<Outcome, { case: "refund" }>, words: Words): FailureWords {
  if (outcome.case === "failure") {
    return words.failure[outcome.value.reason] ?? words.failure[FailureReason.UNKNOWN_DAXPAY_CODE];
  }
  if (isConnectionError(outcome.error)) return words.lineLost;
  return words.error[outcome.error.code] ?? words.otherError;
}
