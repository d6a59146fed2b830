import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import * as tracking from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { logFieldsOf } from "../../src/service/log-fields.ts";

/** The fields of a call with these messages. */
function fieldsOf(request: Message, ...responses: readonly Message[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const messages = logFieldsOf(fields, (account) => account || "default");
  messages.request(request);
  responses.forEach((response) => messages.response(response));
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const refund = { daxpayStatus: "success", daxpayTraceId: "t", orderNo: "O1" };
const REFUND_FIELDS = { daxpayStatus: "success", daxpayTraceId: "t" };
const event = { message: { case: "event", value: { cursor: "c1", refund } } } as const;
const heartbeat = { message: { case: "heartbeat", value: { cursor: "c1" } } } as const;

const message = <D extends DescMessage>(schema: D, init: MessageInitShape<D>) => create(schema, init);

describe("logFieldsOf()", () => {
  test.each<[method: string, request: Message, responses: readonly Message[], expected: Record<string, unknown>]>([
    [
      "TrackRefund",
      message(tracking.TrackRefundRequestSchema, { refundNo: "R1", bizRefundNo: "B1", labels: { phone: "1" } }),
      [message(tracking.TrackRefundResponseSchema, { trackedRefund: { refund, labels: { phone: "1" } } })],
      { account: "default", refundNo: "R1", bizRefundNo: "B1", ...REFUND_FIELDS },
    ],
    [
      "BatchTrackRefunds",
      message(tracking.BatchTrackRefundsRequestSchema, { requests: [{ account: "one" }, { refundNo: "R1" }, {}] }),
      [message(tracking.BatchTrackRefundsResponseSchema, {
        results: [{ outcome: { case: "failure", value: {} } }, { outcome: { case: "trackedRefund", value: {} } }, {
          outcome: { case: "failure", value: {} },
        }],
      })],
      { accounts: 2, refunds: 3, failed: 2, tracked: 1 },
    ],
    [
      "GetTrackedRefund",
      message(tracking.GetTrackedRefundRequestSchema, { bizRefundNo: "B1", account: "one" }),
      [message(tracking.GetTrackedRefundResponseSchema, { trackedRefund: { refund } })],
      { account: "one", bizRefundNo: "B1", ...REFUND_FIELDS },
    ],
    [
      "ListTrackedRefunds",
      message(tracking.ListTrackedRefundsRequestSchema, { filter: "labels.phone = 1" }),
      [message(tracking.ListTrackedRefundsResponseSchema, { trackedRefunds: [{}, {}], nextPageToken: "t" })],
      { refunds: 2 },
    ],
    [
      "UntrackRefund",
      message(tracking.UntrackRefundRequestSchema, { refundNo: "R1" }),
      [message(tracking.UntrackRefundResponseSchema, { trackedRefund: { refund: {} } })],
      { account: "default", refundNo: "R1", daxpayStatus: "", daxpayTraceId: "" },
    ],
    [
      "AcknowledgeContradiction",
      message(tracking.AcknowledgeContradictionRequestSchema, { refundNo: "R1", note: "secret" }),
      [message(tracking.AcknowledgeContradictionResponseSchema, { trackedRefund: { refund } })],
      { account: "default", refundNo: "R1", ...REFUND_FIELDS },
    ],
    [
      "StreamRefundEvents",
      message(tracking.StreamRefundEventsRequestSchema, { account: "one", afterCursor: "c1" }),
      [event, heartbeat, event].map((init) => message(tracking.StreamRefundEventsResponseSchema, init)),
      { account: "one", events: 2 },
    ],
    [
      "ListRefundEvents",
      message(tracking.ListRefundEventsRequestSchema, {}),
      [message(tracking.ListRefundEventsResponseSchema, { events: [{}, {}, {}] })],
      { events: 3 },
    ],
  ])("of %s are what the call is about, and nothing else", (method, request, responses, expected) => {
    const { input, output } = RefundTrackingService.methods.find(({ name }) => name === method) ?? {};
    expect([request.$typeName, responses[0].$typeName]).toEqual([input?.typeName, output?.typeName]);
    expect(fieldsOf(request, ...responses)).toEqual(expected);
  });
});
