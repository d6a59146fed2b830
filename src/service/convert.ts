import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import {
  type BatchSyncRefundsResponse,
  BatchSyncRefundsResponseSchema,
  Delivery,
  FailureReason,
  type RefundState as RefundStateMessage,
  RefundStateSchema,
  RefundStatus,
  type SyncFailure,
  SyncFailureSchema,
  type SyncRefundRequest,
  type WatchRefundRequest,
  type WatchRefundResponse,
  WatchRefundResponseSchema,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { BatchResult } from "../refund/batch.ts";
import type { Attempt } from "../refund/follow.ts";
import type { RefundState } from "../refund/state.ts";

export function queryFrom(request: SyncRefundRequest | WatchRefundRequest): RefundQuery {
  const { refundNo, bizRefundNo, clientIp } = request;
  return { refundNo, bizRefundNo, clientIp, nonceStr: "nonceStr" in request ? request.nonceStr : "" };
}

export function messageFromState(state: RefundState): RefundStateMessage {
  const init: MessageInitShape<typeof RefundStateSchema> = {
    refundNo: sendable(state.refundNo),
    bizRefundNo: sendable(state.bizRefundNo),
    status: RefundStatus[state.status],
    daxpayStatus: sendable(state.word),
    repliedAt: timestampFromMs(state.repliedAt),
    traceId: sendable(state.traceId),
  };
  if (state.nextSyncAfterMs !== undefined) init.nextSyncAfter = durationFromMs(state.nextSyncAfterMs);
  return create(RefundStateSchema, init);
}

export function messageFromFailure(failure: DaxPayFailure): SyncFailure {
  const init: MessageInitShape<typeof SyncFailureSchema> = {
    reason: FailureReason[failure.reason],
    delivery: Delivery[failure.delivery],
    daxpayMessage: sendable(failure.text ?? ""),
    traceId: sendable(failure.traceId ?? ""),
  };
  if (failure.code !== undefined) init.daxpayCode = failure.code;
  if (failure.retryAfterMs !== undefined) init.retryAfter = durationFromMs(Math.ceil(failure.retryAfterMs));
  return create(SyncFailureSchema, init);
}

export function messageFromResult({ index, outcome }: BatchResult): BatchSyncRefundsResponse {
  return create(BatchSyncRefundsResponseSchema, { index, outcome: outcomeFrom(outcome) });
}

export function messageFromAttempt({ attempt, observedAt, outcome }: Attempt): WatchRefundResponse {
  return create(WatchRefundResponseSchema, {
    attempt,
    observedAt: timestampFromMs(observedAt),
    outcome: outcomeFrom(outcome),
  });
}

function outcomeFrom(outcome: RefundState | DaxPayFailure) {
  return outcome instanceof DaxPayFailure
    ? { case: "failure", value: messageFromFailure(outcome) } as const
    : { case: "refund", value: messageFromState(outcome) } as const;
}

/** DaxPay's text as a protobuf string: at most 500 characters, no half of a surrogate pair. */
function sendable(text: string): string {
  return (text.length > 500 ? [...text.slice(0, 1000)].slice(0, 500).join("") : text).toWellFormed();
}
