import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import { metrics } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import type { RefundEvent } from "../../src/refund/event.ts";
import type { RefundState } from "../../src/refund/state.ts";
import { createTelemetryListener } from "../../src/telemetry/listener.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { parsePrometheus } from "../support/prometheus.ts";

const records: LogRecord[] = [];

beforeEach(async () => {
  records.splice(0);
  await configure({
    reset: true,
    sinks: { memory: (record) => void records.push(record) },
    loggers: [
      { category: "refundsync", lowestLevel: "debug", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["memory"] },
    ],
  });
});
afterEach(() => reset());

/** Emits the events and returns the metrics. */
async function emit(...events: RefundEvent[]) {
  const registry = createMetrics(metrics.getMeter("test"));
  const listener = createTelemetryListener(getLogger("refundsync"), registry)("shop");
  for (const event of events) listener(event);
  return parsePrometheus(await registry.scrape());
}

const state = (daxpayStatus: string, repliedAt: number) =>
  ({ refundNo: "R1", bizRefundNo: "B1", orderNo: "O1", daxpayStatus, repliedAt }) as RefundState;

describe("createTelemetryListener()", () => {
  test("logs a conflict with the refund's numbers as fields, and counts it", async () => {
    const { value } = await emit({ type: "conflict", before: state("close", 0), after: state("success", 60_000) });
    expect(records).toMatchObject([{
      level: "error",
      properties: {
        refundNo: "R1",
        bizRefundNo: "B1",
        orderNo: "O1",
        before: "close",
        beforeTime: "1970-01-01T00:00:00.000Z",
        after: "success",
        afterTime: "1970-01-01T00:01:00.000Z",
      },
    }]);
    expect(records[0].message.join("")).not.toMatch(/R1|B1/);
    expect(value("refundsync_state_conflicts_total")).toBe(1);
  });

  test("counts a retry under the reason of its failure", async () => {
    const failure = new DaxPayFailure("SYNC_IN_PROGRESS", "locked");
    const { value } = await emit({ type: "retry", failure, delayMs: 1000 });
    expect(value("refundsync_retries_total", { error_type: "SYNC_IN_PROGRESS" })).toBe(1);
    expect(value("refundsync_retries_total")).toBe(1);
    expect(records).toMatchObject([{ level: "debug", properties: { reason: "SYNC_IN_PROGRESS", delayMs: 1000 } }]);
  });

  test("records the duration of a successful request without an error type", async () => {
    const { samples } = await emit({ type: "request", step: "QUERY", ms: 40, failure: undefined });
    const counts = samples.filter(({ name }) => name === "daxpay_client_request_duration_count");
    expect(counts).toEqual([{
      name: "daxpay_client_request_duration_count",
      labels: { account: "shop", step: "QUERY" },
      value: 1,
    }]);
  });

  test.each<[string, RefundEvent]>([
    ["refundsync_coalesced_total", { type: "coalesced" }],
    ["refundsync_throttled_total", { type: "throttled", ms: 500 }],
    ["refundsync_closed_by_sync_total", { type: "closedBySync", state: state("close", 0) }],
    ["refundsync_queue_wait_time_count", { type: "dequeued", ms: 5 }],
  ])("counts %s", async (name, event) => {
    const { value } = await emit(event);
    expect(value(name)).toBe(1);
  });
});
