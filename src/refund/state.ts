import type { Binding, RefundReport } from "../daxpay/reply.ts";
import type { Release } from "../daxpay/release.ts";
import type { RefundQuery } from "../daxpay/request.ts";

/** The state of a refund, by the contract's names. */
export type Status = "IN_PROGRESS" | "SUCCEEDED" | "FAILED" | "CLOSED" | "NOT_FOUND_AT_CHANNEL" | "UNKNOWN";

/** A refund's state as callers see it. */
export interface RefundState {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly status: Status;
  /** DaxPay's raw value. */
  readonly daxpayStatus: string;
  /** Epoch milliseconds, whole seconds. */
  readonly repliedAt: number;
  readonly daxpayTraceId: string;
  /** Whether this service will not sync the refund again. */
  readonly final: boolean;
  /** Minimum milliseconds before the next sync; undefined when final. */
  readonly nextSyncDelayMs: number | undefined;
  readonly binding: Binding;
  readonly orderNo: string | undefined;
  readonly channel: string | undefined;
  readonly amountFen: bigint | undefined;
  /** Epoch milliseconds. */
  readonly finishedAt: number | undefined;
  readonly errorMessage: string | undefined;
  /** Epoch milliseconds of the first time that this process saw the status without a change since. */
  readonly unchangedSince: number | undefined;
}

/** DaxPay's values: 2.x's RefundSyncStatusEnum and its `close`, RefundStatusEnum, v4's `init`. Anything else is UNKNOWN. */
const STATUSES: Readonly<Record<string, Status>> = {
  init: "IN_PROGRESS",
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
 * Minimum milliseconds before the next sync of a refund that is not final. 3.x rejects Alipay syncs within 10 s of each
 * other, and every sync counts against the channel's limits. A SUCCEEDED or CLOSED refund waits only for its confirmation.
 */
const MIN_SYNC_INTERVAL_MS: Readonly<Record<Status, number>> = {
  IN_PROGRESS: 10_000,
  SUCCEEDED: 10_000,
  FAILED: 30_000,
  CLOSED: 10_000,
  NOT_FOUND_AT_CHANNEL: 30_000,
  UNKNOWN: 60_000,
};

export function statusOf(daxpayStatus: string): Status {
  return Object.hasOwn(STATUSES, daxpayStatus) ? STATUSES[daxpayStatus] : "UNKNOWN";
}

/** Whether a refund of this status needs no sync: on DaxPay 3.x one would book its amount again. */
export function isSettled(status: Status): boolean {
  return status === "SUCCEEDED" || status === "CLOSED";
}

/** Whether a sync of a refund of this status can do no harm: a status that this version does not know may be a settled one. */
export function isSyncable(status: Status): boolean {
  return status === "IN_PROGRESS" || status === "FAILED";
}

/** Whether no further sync can change the state. */
export function isFinal(
  { status, daxpayStatus, binding }: Pick<RefundState, "status" | "daxpayStatus" | "binding">,
  release: Release,
  bound: boolean,
): boolean {
  return (binding === "REFUND" || !bound) &&
    (isSettled(status) || (status === "FAILED" && !release.provisional.includes(daxpayStatus)));
}

/** `bound`: whether only a reply that names the refund makes a state final, which is so wherever there is a query. */
export function stateFrom(report: RefundReport, request: RefundQuery, release: Release, bound: boolean): RefundState {
  const status = statusOf(report.daxpayStatus);
  const { daxpayStatus, binding } = report;
  const final = isFinal({ status, daxpayStatus, binding }, release, bound);
  return {
    refundNo: report.refundNo ?? request.refundNo,
    bizRefundNo: report.bizRefundNo ?? request.bizRefundNo,
    status,
    daxpayStatus,
    repliedAt: report.repliedAt,
    daxpayTraceId: report.daxpayTraceId ?? "",
    final,
    nextSyncDelayMs: final ? undefined : MIN_SYNC_INTERVAL_MS[status],
    binding,
    orderNo: report.orderNo,
    channel: report.channel,
    amountFen: report.amountFen,
    finishedAt: report.finishTime,
    errorMessage: report.errorMessage,
    unchangedSince: undefined,
  };
}
