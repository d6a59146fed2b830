import { type Message } from "@bufbuild/protobuf";
import type {
  BatchSyncRefundsRequest,
  BatchSyncRefundsResponse,
  SyncRefundRequest,
  SyncRefundResponse,
  WatchRefundRequest,
  WatchRefundResponse,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type {
  AcknowledgeContradictionRequest,
  AcknowledgeContradictionResponse,
  BatchTrackRefundsRequest,
  BatchTrackRefundsResponse,
  GetTrackedRefundRequest,
  GetTrackedRefundResponse,
  ListRefundEventsRequest,
  ListRefundEventsResponse,
  ListTrackedRefundsRequest,
  ListTrackedRefundsResponse,
  StreamRefundEventsRequest,
  StreamRefundEventsResponse,
  TrackRefundRequest,
  TrackRefundResponse,
  UntrackRefundRequest,
  UntrackRefundResponse,
} from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";

type Known =
  | SyncRefundRequest
  | SyncRefundResponse
  | BatchSyncRefundsRequest
  | BatchSyncRefundsResponse
  | WatchRefundRequest
  | WatchRefundResponse
  | TrackRefundRequest
  | TrackRefundResponse
  | BatchTrackRefundsRequest
  | BatchTrackRefundsResponse
  | GetTrackedRefundRequest
  | GetTrackedRefundResponse
  | ListTrackedRefundsRequest
  | ListTrackedRefundsResponse
  | UntrackRefundRequest
  | UntrackRefundResponse
  | AcknowledgeContradictionRequest
  | AcknowledgeContradictionResponse
  | StreamRefundEventsRequest
  | StreamRefundEventsResponse
  | ListRefundEventsRequest
  | ListRefundEventsResponse;

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
        case "daxpay.refundsync.v1.TrackRefundRequest":
        case "daxpay.refundsync.v1.GetTrackedRefundRequest":
        case "daxpay.refundsync.v1.UntrackRefundRequest":
        case "daxpay.refundsync.v1.AcknowledgeContradictionRequest":
          fields.account = accountNameOf(known.account);
          if (known.refundNo) fields.refundNo = known.refundNo;
          if (known.bizRefundNo) fields.bizRefundNo = known.bizRefundNo;
          return;
        case "daxpay.refundsync.v1.BatchSyncRefundsRequest":
        case "daxpay.refundsync.v1.BatchTrackRefundsRequest":
          accounts(known.requests.map(({ account }) => accountNameOf(account)));
          fields.refunds = known.requests.length;
          return;
        case "daxpay.refundsync.v1.ListTrackedRefundsRequest":
        case "daxpay.refundsync.v1.StreamRefundEventsRequest":
        case "daxpay.refundsync.v1.ListRefundEventsRequest":
          // An empty one stands for several.
          if (known.account) fields.account = known.account;
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
          return;
        case "daxpay.refundsync.v1.TrackRefundResponse":
        case "daxpay.refundsync.v1.GetTrackedRefundResponse":
        case "daxpay.refundsync.v1.UntrackRefundResponse":
        case "daxpay.refundsync.v1.AcknowledgeContradictionResponse":
          fields.daxpayStatus = known.trackedRefund?.refund?.daxpayStatus;
          fields.daxpayTraceId = known.trackedRefund?.refund?.daxpayTraceId;
          return;
        case "daxpay.refundsync.v1.BatchTrackRefundsResponse":
          for (const { outcome } of known.results) count(outcome.case === "failure" ? "failed" : "tracked");
          return;
        case "daxpay.refundsync.v1.ListTrackedRefundsResponse":
          fields.refunds = known.trackedRefunds.length;
          return;
        case "daxpay.refundsync.v1.StreamRefundEventsResponse":
          if (known.message.case === "event") count("events");
          return;
        case "daxpay.refundsync.v1.ListRefundEventsResponse":
          fields.events = known.events.length;
      }
    },
  };
}
