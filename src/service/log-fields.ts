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

/** Adds to the fields what the messages of a call are about: account, refund numbers, status, DaxPay's trace id, counts. Nothing else. */
export function logFieldsOf(fields: Record<string, unknown>, accountNameOf: (account: string) => string) {
  const count = (name: string) => fields[name] = Number(fields[name] ?? 0) + 1;
  const accounts = (names: readonly string[]) => {
    const [first, ...others] = new Set(names);
    if (others.length > 0) fields.accounts = 1 + others.length;
    else if (first !== undefined) fields.account = first;
  };
  return {
    request(message: Message): void {
      const known = message as Known;
      switch (known.$typeName) {
        case "daxpay.refundsync.v1.SyncRefundRequest":
        case "daxpay.refundsync.v1.WatchRefundRequest":
          fields.account = accountNameOf(known.account);
          if (known.refundNo) fields.refundNo = known.refundNo;
          if (known.bizRefundNo) fields.bizRefundNo = known.bizRefundNo;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsRequest":
          accounts(known.requests.map(({ account }) => accountNameOf(account)));
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
