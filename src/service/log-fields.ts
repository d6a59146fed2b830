import { type Message } from "@bufbuild/protobuf";
import type {
  BatchSyncRefundsRequest,
  BatchSyncRefundsResponse,
  SyncRefundRequest,
  SyncRefundResponse,
  WatchRefundRequest,
  WatchRefundResponse,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";

type Known =
  | SyncRefundRequest
  | SyncRefundResponse
  | BatchSyncRefundsRequest
  | BatchSyncRefundsResponse
  | WatchRefundRequest
  | WatchRefundResponse;

/** Writes down what the messages of a call were about: numbers of refunds, DaxPay's trace id, counts. No other content. */
export function logFieldsOf(about: Record<string, unknown>) {
  const count = (name: string) => about[name] = Number(about[name] ?? 0) + 1;
  return {
    request(message: Message): void {
      const known = message as Known;
      switch (known.$typeName) {
        case "daxpay.refundsync.v1.SyncRefundRequest":
        case "daxpay.refundsync.v1.WatchRefundRequest":
          if (known.refundNo) about.refundNo = known.refundNo;
          if (known.bizRefundNo) about.bizRefundNo = known.bizRefundNo;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsRequest":
          about.refunds = known.requests.length;
      }
    },
    response(message: Message): void {
      const known = message as Known;
      switch (known.$typeName) {
        case "daxpay.refundsync.v1.SyncRefundResponse":
          about.status = known.refund?.daxpayStatus;
          about.daxpayTraceId = known.refund?.daxpayTraceId;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsResponse":
          count(known.outcome.case === "failure" ? "failed" : "answered");
          return;
        case "daxpay.refundsync.v1.WatchRefundResponse":
          about.attempts = known.attempt;
          about.daxpayTraceId = known.outcome.value?.daxpayTraceId;
          if (known.outcome.case === "refund") about.status = known.outcome.value.daxpayStatus;
      }
    },
  };
}
