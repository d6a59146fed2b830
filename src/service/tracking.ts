import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
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
import { type SelectAccount, selectOrThrow } from "./accounts.ts";
import { trackingDisabledError } from "./errors.ts";
import { requireValid } from "./validate.ts";

/** Serves RefundTrackingService without a database: valid requests fail with TRACKING_DISABLED. */
export function routeTrackingDisabled(router: ConnectRouter, select: SelectAccount): void {
  function reject<D extends DescMessage>(schema: D, message: MessageShape<D>, context: HandlerContext): never {
    requireValid(schema, message);
    if ("account" in message && typeof message.account === "string" && message.account !== "") {
      selectOrThrow(select, message.account, context);
    }
    throw trackingDisabledError();
  }
  router.service(RefundTrackingService, {
    trackRefund: (request, context) => reject(TrackRefundRequestSchema, request, context),
    batchTrackRefunds: (request, context) => reject(BatchTrackRefundsRequestSchema, request, context),
    getTrackedRefund: (request, context) => reject(GetTrackedRefundRequestSchema, request, context),
    listTrackedRefunds: (request, context) => reject(ListTrackedRefundsRequestSchema, request, context),
    untrackRefund: (request, context) => reject(UntrackRefundRequestSchema, request, context),
    acknowledgeContradiction: (request, context) => reject(AcknowledgeContradictionRequestSchema, request, context),
    // deno-lint-ignore require-yield
    async *streamRefundEvents(request, context) {
      reject(StreamRefundEventsRequestSchema, request, context);
    },
    listRefundEvents: (request, context) => reject(ListRefundEventsRequestSchema, request, context),
  });
}
