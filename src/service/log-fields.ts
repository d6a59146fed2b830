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

/** Adds to the fields what the messages of a call are about: refund numbers, status, DaxPay's trace id, counts. Nothing else. */
export function logFieldsOf(fields: Record<string, unknown>) {
  const count = (name: string) => fields[name] = Number(fields[name] ?? 0) + 1;
  return {
    request(message: Message): void {
      const known = message as Known;
      switch (known.$typeName) {
        case "daxpay.refundsync.v1.SyncRefundRequest":
        case "daxpay.refundsync.v1.WatchRefundRequest":
          if (known.refundNo) fields.refundNo = known.refundNo;
          if (known.bizRefundNo) fields.bizRefundNo = known.bizRefundNo;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsRequest":
          fields.refunds = known.requests.length;
      }
    },
    response(message: Message): void {
      const known = message as Known;
      switch (known.$typeName) {
        case "daxpay.refundsync.v1.SyncRefundResponse":
          fields.daxpayStatus = known.refund?.daxpayStatus;
          fields.daxpayTraceId = known.refund?.daxpayTraceId;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsResponse":
          count(known.outcome.case === "failure" ? "failed" : "answered");
          return;
        case "daxpay.refundsync.v1.WatchRefundResponse":
          fields.attempts = known.attempt;
          fields.daxpayTraceId = known.outcome.value?.daxpayTraceId;
          if (known.outcome.case === "refund") fields.daxpayStatus = known.outcome.value.daxpayStatus;
      }
    },
  };
}
