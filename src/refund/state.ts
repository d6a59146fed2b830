import type { RefundReport } from "../daxpay/reply.ts";
import type { Release } from "../daxpay/release.ts";
import type { RefundQuery } from "../daxpay/request.ts";

/** What became of a refund, by the contract's names. */
export type Status = "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "CLOSED" | "NOT_FOUND_AT_CHANNEL" | "UNKNOWN";

/** A refund's state as callers see it. */
export interface RefundState {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly status: Status;
  /** DaxPay's own spelling of the status. */
  readonly daxpayStatus: string;
  /** Milliseconds since 1970, to the second. */
  readonly repliedAt: number;
  readonly daxpayTraceId: string;
  /** Milliseconds to wait at least before asking again; undefined when the state is final. */
  readonly nextSyncDelayMs: number | undefined;
}

/** DaxPay's words: 2.x's RefundSyncStatusEnum and its `close`, 3.x's RefundStatusEnum. Anything else is UNKNOWN. */
const STATUSES: Readonly<Record<string, Status>> = {
  progress: "IN_PROGRESS",
  refund_progress: "IN_PROGRESS",
  success: "SUCCEEDED",
  refund_success: "SUCCEEDED",
  fail: "FAILED",
  refund_fail: "FAILED",
  close: "CLOSED",
  pay_not_found: "NOT_FOUND_AT_CHANNEL",
};

/**
 * Milliseconds before a state may be asked for again; a state that is not listed is final unless the release calls it
 * soft. 3.x refuses Alipay syncs within 10 s of each other, and every question counts at the channel.
 */
const MIN_SYNC_INTERVAL_MS: Readonly<Partial<Record<Status, number>>> = { IN_PROGRESS: 10_000, UNKNOWN: 60_000 };
const PROVISIONAL_INTERVAL_MS = 30_000;

export function stateFrom(report: RefundReport, query: RefundQuery, release: Release): RefundState {
  const status = Object.hasOwn(STATUSES, report.daxpayStatus) ? STATUSES[report.daxpayStatus] : "UNKNOWN";
  return {
    refundNo: report.refundNo ?? query.refundNo,
    bizRefundNo: report.bizRefundNo ?? query.bizRefundNo,
    status,
    daxpayStatus: report.daxpayStatus,
    repliedAt: report.repliedAt,
    daxpayTraceId: report.daxpayTraceId ?? "",
    nextSyncDelayMs: release.provisional.includes(report.daxpayStatus)
      ? PROVISIONAL_INTERVAL_MS
      : MIN_SYNC_INTERVAL_MS[status],
  };
}
