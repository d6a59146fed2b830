import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import {
  type Refund as RefundStateMessage,
  RefundSchema,
  RefundStatus,
} from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  type BatchSyncRefundsResponse,
  BatchSyncRefundsResponseSchema,
  type SyncRefundRequest,
  type WatchRefundRequest,
  type WatchRefundResponse,
  WatchRefundResponseSchema,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import {
  Delivery,
  FailureReason,
  type SyncFailure,
  SyncFailureSchema,
} from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { BatchResult } from "../refund/batch.ts";
import type { Attempt } from "../refund/watch.ts";
import type { RefundState } from "../refund/state.ts";

export function queryFrom(request: SyncRefundRequest | WatchRefundRequest): RefundQuery {
  const { refundNo, bizRefundNo, clientIp } = request;
  return { refundNo, bizRefundNo, clientIp, nonceStr: "nonceStr" in request ? request.nonceStr : "" };
}

export function messageFromState(state: RefundState): RefundStateMessage {
  const init: MessageInitShape<typeof RefundSchema> = {
    refundNo: truncate(state.refundNo),
    bizRefundNo: truncate(state.bizRefundNo),
    status: RefundStatus[state.status],
    daxpayStatus: truncate(state.daxpayStatus),
    replyTime: timestampFromMs(state.repliedAt),
    daxpayTraceId: truncate(state.daxpayTraceId),
  };
  if (state.nextSyncDelayMs !== undefined) init.nextSyncDelay = durationFromMs(state.nextSyncDelayMs);
  return create(RefundSchema, init);
}

export function messageFromFailure(failure: DaxPayFailure): SyncFailure {
  const init: MessageInitShape<typeof SyncFailureSchema> = {
    reason: FailureReason[failure.reason],
    delivery: Delivery[failure.delivery],
    daxpayMessage: truncate(failure.daxpayMessage ?? ""),
    daxpayTraceId: truncate(failure.daxpayTraceId ?? ""),
  };
  if (failure.daxpayCode !== undefined) init.daxpayCode = failure.daxpayCode;
  if (failure.retryDelayMs !== undefined) init.retryDelay = durationFromMs(Math.ceil(failure.retryDelayMs));
  return create(SyncFailureSchema, init);
}

export function messageFromResult({ index, outcome }: BatchResult): BatchSyncRefundsResponse {
  return create(BatchSyncRefundsResponseSchema, { index, outcome: outcomeFrom(outcome) });
}

export function messageFromAttempt({ attempt, observeTime, outcome }: Attempt): WatchRefundResponse {
  return create(WatchRefundResponseSchema, {
    attempt,
    observeTime: timestampFromMs(observeTime),
    outcome: outcomeFrom(outcome),
  });
}

function outcomeFrom(outcome: RefundState | DaxPayFailure) {
  return outcome instanceof DaxPayFailure
    ? { case: "failure", value: messageFromFailure(outcome) } as const
    : { case: "refund", value: messageFromState(outcome) } as const;
}

/** DaxPay's text as a protobuf string: at most 500 characters, no half of a surrogate pair. */
function truncate(text: string): string {
  return (text.length > 500 ? [...text.slice(0, 1000)].slice(0, 500).join("") : text).toWellFormed();
}
