import type { Evidence } from "../../src/daxpay/evidence.ts";
import type { SharedRefund, VerifiedState } from "../../src/refund/shared.ts";
import { isSettled, type RefundState, type Status } from "../../src/refund/state.ts";
import type { NewEvent } from "../../src/tracking/event.ts";
import type { StoredFailure } from "../../src/tracking/tracking.ts";

const DAXPAY_STATUSES: Readonly<Record<Status, string>> = {
  IN_PROGRESS: "progress",
  SUCCEEDED: "success",
  FAILED: "fail",
  CLOSED: "close",
  NOT_FOUND_AT_CHANNEL: "pay_not_found",
  UNKNOWN: "?",
};

/** A state as a signed query of R1 on 3.x gives it. */
export function stateOf(status: Status, overrides: Partial<RefundState> = {}): RefundState {
  return {
    refundNo: "R1",
    bizRefundNo: "B1",
    status,
    daxpayStatus: DAXPAY_STATUSES[status],
    repliedAt: 1_000,
    daxpayTraceId: "trace",
    final: isSettled(status),
    nextSyncDelayMs: isSettled(status) ? undefined : 10_000,
    binding: "REFUND",
    orderNo: "P1",
    channel: "wechat_pay",
    amountFen: 1_000n,
    finishedAt: undefined,
    errorMessage: undefined,
    unchangedSince: undefined,
    ...overrides,
  };
}

export const EVIDENCE: Evidence = {
  requestedAt: 900,
  repliedAt: 1_000,
  body: new TextEncoder().encode("{}"),
  signature: "abc",
  algorithm: "HMAC_SHA256",
  fingerprint: "0123456789abcdef",
  release: "3.0.0",
};

/** `sentAt`: by Clock.elapsed. */
export function verifiedOf(status: Status, sentAt: number, overrides: Partial<RefundState> = {}): VerifiedState {
  return { state: stateOf(status, overrides), evidence: EVIDENCE, sentAt };
}

export function failureOf(
  reason: StoredFailure["reason"],
  overrides: Partial<StoredFailure> = {},
): StoredFailure {
  return {
    reason,
    message: `${reason}.`,
    delivery: "NOT_SENT",
    step: "QUERY",
    retryDelayMs: 5_000,
    daxpayCode: undefined,
    daxpayMessage: undefined,
    daxpayTraceId: undefined,
    ...overrides,
  };
}

/** R1 as a sync names it. */
export function refundOf(overrides: Partial<SharedRefund> = {}): SharedRefund {
  return { refundNo: "R1", bizRefundNo: "B1", orderNo: "P1", bound: true, ...overrides };
}

/** An event of which nothing is known but the given. */
export function newEventOf(known: Pick<NewEvent, "kind" | "account"> & Partial<NewEvent>): NewEvent {
  return {
    refundNo: "",
    bizRefundNo: "",
    state: undefined,
    previousStatus: undefined,
    labels: {},
    failure: undefined,
    evidence: undefined,
    ...known,
  };
}
