import type { RefundReport } from "../daxpay/reply.ts";
import type { Release } from "../daxpay/release.ts";
import type { RefundQuery } from "../daxpay/request.ts";

/** What became of a refund, by the contract's names. */
export type Status = "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "CLOSED" | "NOT_FOUND" | "UNRECOGNIZED";

/** A refund's state as callers see it. */
export interface RefundState {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly status: Status;
  /** DaxPay's own spelling of the status. */
  readonly word: string;
  /** Milliseconds since 1970, to the second. */
  readonly repliedAt: number;
  readonly traceId: string;
  /** Milliseconds to wait at least before asking again; undefined when the state is final. */
  readonly nextSyncAfterMs: number | undefined;
}

/** DaxPay's words: 2.x's RefundSyncStatusEnum and its `close`, 3.x's RefundStatusEnum. Anything else is UNRECOGNIZED. */
const WORDS: Readonly<Record<string, Status>> = {
  progress: "IN_PROGRESS",
  refund_progress: "IN_PROGRESS",
  success: "SUCCEEDED",
  refund_success: "SUCCEEDED",
  fail: "FAILED",
  refund_fail: "FAILED",
  close: "CLOSED",
  pay_not_found: "NOT_FOUND",
};

/**
 * Milliseconds before a state may be asked for again; a state that is not listed is final unless the release calls it
 * soft. 3.x refuses Alipay syncs within 10 s of each other, and every question counts at the channel.
 */
const WAITS: Readonly<Partial<Record<Status, number>>> = { IN_PROGRESS: 10_000, UNRECOGNIZED: 60_000 };
const SOFT_WAIT = 30_000;

export function stateFrom(report: RefundReport, query: RefundQuery, release: Release): RefundState {
  const status = Object.hasOwn(WORDS, report.word) ? WORDS[report.word] : "UNRECOGNIZED";
  return {
    refundNo: report.refundNo ?? query.refundNo,
    bizRefundNo: report.bizRefundNo ?? query.bizRefundNo,
    status,
    word: report.word,
    repliedAt: report.repliedAt,
    traceId: report.traceId ?? "",
    nextSyncAfterMs: release.soft.includes(report.word) ? SOFT_WAIT : WAITS[status],
  };
}
