import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { BadRequestSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { errorOf, errorOutcome } from "../support/outcome.ts";
import { PROTOCOLS, type Service, startService } from "../support/service.ts";

let service: Service;
beforeAll(async () => void (service = await startService()));
afterAll(() => service[Symbol.asyncDispose]());

type Tracking = ReturnType<typeof createTracking>;

function createTracking(protocol: string) {
  return createClient(RefundTrackingService, PROTOCOLS[protocol](service));
}

/** A valid call of each method. */
const CALLS: Readonly<Record<keyof Tracking, (client: Tracking) => Promise<unknown>>> = {
  trackRefund: (client) => client.trackRefund({ refundNo: "R1", labels: { shop: "1" } }),
  batchTrackRefunds: (client) => client.batchTrackRefunds({ requests: [{ refundNo: "R1" }] }),
  getTrackedRefund: (client) => client.getTrackedRefund({ refundNo: "R1" }),
  listTrackedRefunds: (client) => client.listTrackedRefunds({}),
  untrackRefund: (client) => client.untrackRefund({ bizRefundNo: "B1" }),
  acknowledgeContradiction: (client) => client.acknowledgeContradiction({ refundNo: "R1", note: "looked into" }),
  streamRefundEvents: (client) => Array.fromAsync(client.streamRefundEvents({})),
  listRefundEvents: (client) => client.listRefundEvents({ pageSize: 10 }),
};

/** A call of each method that breaks a rule. */
const INVALID: Readonly<
  Record<keyof Tracking, readonly [field: string, call: (client: Tracking) => Promise<unknown>]>
> = {
  trackRefund: ["labels", (client) => client.trackRefund({ refundNo: "R1", labels: { "": "x" } })],
  batchTrackRefunds: ["requests", (client) => client.batchTrackRefunds({})],
  getTrackedRefund: ["", (client) => client.getTrackedRefund({})],
  listTrackedRefunds: ["page_size", (client) => client.listTrackedRefunds({ pageSize: 1001 })],
  untrackRefund: ["account", (client) => client.untrackRefund({ refundNo: "R1", account: "shop" })],
  acknowledgeContradiction: ["note", (client) => client.acknowledgeContradiction({ refundNo: "R1" })],
  streamRefundEvents: [
    "after_cursor",
    (client) => Array.fromAsync(client.streamRefundEvents({ afterCursor: "x".repeat(4097) })),
  ],
  listRefundEvents: ["page_size", (client) => client.listRefundEvents({ pageSize: -1 })],
};

describe.each(Object.keys(PROTOCOLS))("RefundTrackingService without a database over %s", (protocol) => {
  test.each(Object.entries(CALLS))("%s → failed_precondition TRACKING_DISABLED", async (_method, call) => {
    expect(errorOutcome(await errorOf(call(createTracking(protocol))))).toEqual({
      code: "failed_precondition",
      reason: "TRACKING_DISABLED",
      delivery: "NOT_SENT",
      step: undefined,
      retryDelayMs: undefined,
    });
  });

  test.each(Object.entries(INVALID))("%s rejects an invalid request first", async (_method, [field, call]) => {
    const error = await errorOf(call(createTracking(protocol)));
    expect(errorOutcome(error)).toMatchObject({ code: "invalid_argument", reason: "INVALID_REQUEST" });
    const [{ fieldViolations: [violation] }] = error.findDetails(BadRequestSchema);
    expect(violation.field.split("[")[0].split(".")[0]).toBe(field);
  });
});

test("RefundTrackingService answers a Connect GET of a method without side effects", async () => {
  const url = `${service.http}/${RefundTrackingService.typeName}/GetTrackedRefund?connect=v1&encoding=json&message=`;
  const response = await fetch(url + encodeURIComponent('{"refundNo":"R1"}'));
  expect(await response.json()).toMatchObject({ code: "failed_precondition" });
});
