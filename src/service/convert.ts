import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { Binding, type Refund, RefundSchema, RefundStatus } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  type BatchSyncRefundsResponse,
  BatchSyncRefundsResponseSchema,
  type SyncRefundRequest,
  type WatchRefundRequest,
  type WatchRefundResponse,
  WatchRefundResponseSchema,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { BatchResult } from "../refund/batch.ts";
import type { Outcome } from "../refund/outcome.ts";
import type { RefundState } from "../refund/state.ts";
import type { Attempt } from "../refund/watch.ts";
import { type FailureFields, messageFromFailure, truncate } from "./errors.ts";

export function requestFrom(message: SyncRefundRequest | WatchRefundRequest): RefundQuery {
  const { refundNo, bizRefundNo, clientIp } = message;
  return { refundNo, bizRefundNo, clientIp, nonceStr: "nonceStr" in message ? message.nonceStr : "" };
}

export function messageFromState(state: RefundState, account: string): Refund {
  const init: MessageInitShape<typeof RefundSchema> = {
    refundNo: truncate(state.refundNo),
    bizRefundNo: truncate(state.bizRefundNo),
    status: RefundStatus[state.status],
    daxpayStatus: truncate(state.daxpayStatus),
    replyTime: timestampFromMs(state.repliedAt),
    daxpayTraceId: truncate(state.daxpayTraceId),
    final: state.final,
    account,
    binding: Binding[state.binding],
    orderNo: truncate(state.orderNo ?? ""),
    channel: truncate(state.channel ?? ""),
    errorMessage: truncate(state.errorMessage ?? ""),
  };
  if (state.nextSyncDelayMs !== undefined) init.nextSyncDelay = durationFromMs(state.nextSyncDelayMs);
  if (state.amountFen !== undefined) init.amountFen = state.amountFen;
  if (state.finishedAt !== undefined) init.finishTime = timestampFromMs(state.finishedAt);
  if (state.unchangedSince !== undefined) init.unchangedSince = timestampFromMs(state.unchangedSince);
  return create(RefundSchema, init);
}

/** The result of a request that was rejected before its refund was synced. */
export function messageFromRejection(index: number, failure: FailureFields): BatchSyncRefundsResponse {
  const outcome = { case: "failure", value: messageFromFailure(failure) } as const;
  return create(BatchSyncRefundsResponseSchema, { index, outcome });
}

export function messageFromResult({ index, outcome }: BatchResult, account: string): BatchSyncRefundsResponse {
  return create(BatchSyncRefundsResponseSchema, { index, outcome: outcomeFrom(outcome, account) });
}

export function messageFromAttempt({ attempt, observedAt, outcome }: Attempt, account: string): WatchRefundResponse {
  return create(WatchRefundResponseSchema, {
    attempt,
    observeTime: timestampFromMs(observedAt),
    outcome: outcomeFrom(outcome, account),
  });
}

function outcomeFrom(outcome: Outcome, account: string) {
  return outcome instanceof DaxPayFailure
    ? { case: "failure", value: messageFromFailure(outcome) } as const
    : { case: "refund", value: messageFromState(outcome, account) } as const;
}
