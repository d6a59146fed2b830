import { getLogger } from "@logtape/logtape";
import type { MetricOptions } from "@opentelemetry/api";
import { createNotices } from "../src/app/notices.ts";
import { createCallMetrics } from "../src/interceptors/metrics.ts";
import { observeProcess, observeRefunds } from "../src/telemetry/gauges.ts";
import { systemClock } from "../src/refund/clock.ts";
import { createTelemetryListener } from "../src/telemetry/listener.ts";
import type { Instruments } from "../src/telemetry/metrics.ts";
import { observeTracking } from "../src/telemetry/tracking-gauges.ts";
import { createWebhookTelemetry } from "../src/telemetry/webhooks.ts";

export interface MetricRow {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** Every metric of the service, as the code creates it; without those that need a database if so said. */
export function metricRows({ database = true } = {}): readonly MetricRow[] {
  const rows: MetricRow[] = [];
  const note = (name: string, { unit = "", description = "" }: MetricOptions = {}) =>
    void rows.push({ name, unit, description });
  const observable = (name: string, options?: MetricOptions) => {
    note(name, options);
    return { addCallback: () => {}, removeCallback: () => {} };
  };
  const recorder: Instruments = {
    createCounter(name, options) {
      note(name, options);
      return { add: () => {} };
    },
    createHistogram(name, options) {
      note(name, options);
      return { record: () => {} };
    },
    createObservableCounter: observable,
    createObservableGauge: observable,
  };
  const never = () => {
    throw new Error("expected no collection here");
  };
  createCallMetrics(recorder);
  const logger = getLogger([]);
  createTelemetryListener(logger, recorder);
  observeRefunds(recorder, never, never);
  if (database) createTrackingMetrics();
  observeProcess(recorder, { version: "", deno: "", release: "" }, never, never);
  return rows;

  function createTrackingMetrics(): void {
    observeTracking(recorder, { stats: never, counts: never });
    createNotices({
      accounts: { trackedAccount: never, daxpayOf: never },
      tracking: { acceptNotice: never },
      meter: recorder,
      logger,
      clock: systemClock,
      fallback: never,
    });
    createWebhookTelemetry(logger, recorder, never);
  }
}
