import type { ConnectRouter } from "@connectrpc/connect";
import {
  AcknowledgeContradictionRequestSchema,
  BatchTrackRefundsRequestSchema,
  GetTrackedRefundRequestSchema,
  ListRefundEventsRequestSchema,
  ListTrackedRefundsRequestSchema,
  RefundTrackingService,
  StreamRefundEventsRequestSchema,
  TrackRefundRequestSchema,
  UntrackRefundRequestSchema,
} from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { trackingDisabledError } from "./errors.ts";
import { requireValid } from "./validate.ts";

/** Serves RefundTrackingService without a database: valid requests fail with TRACKING_DISABLED. */
export function routeTrackingDisabled(router: ConnectRouter): void {
  router.service(RefundTrackingService, {
    trackRefund(request) {
      requireValid(TrackRefundRequestSchema, request);
      throw trackingDisabledError();
    },
    batchTrackRefunds(request) {
      requireValid(BatchTrackRefundsRequestSchema, request);
      throw trackingDisabledError();
    },
    getTrackedRefund(request) {
      requireValid(GetTrackedRefundRequestSchema, request);
      throw trackingDisabledError();
    },
    listTrackedRefunds(request) {
      requireValid(ListTrackedRefundsRequestSchema, request);
      throw trackingDisabledError();
    },
    untrackRefund(request) {
      requireValid(UntrackRefundRequestSchema, request);
      throw trackingDisabledError();
    },
    acknowledgeContradiction(request) {
      requireValid(AcknowledgeContradictionRequestSchema, request);
      throw trackingDisabledError();
    },
    // deno-lint-ignore require-yield
    async *streamRefundEvents(request) {
      requireValid(StreamRefundEventsRequestSchema, request);
      throw trackingDisabledError();
    },
    listRefundEvents(request) {
      requireValid(ListRefundEventsRequestSchema, request);
      throw trackingDisabledError();
    },
  });
}
