import type { Meter, Observable } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";

/** The instruments that this service uses. */
export type Instruments = Pick<
  Meter,
  "createCounter" | "createHistogram" | "createObservableCounter" | "createObservableGauge"
>;

export interface Metrics extends Instruments {
  /** All metrics in Prometheus' text format, version 0.0.4. */
  scrape(): Promise<string>;
}

/** Content type of `scrape`. */
export const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** Records every metric twice: for `scrape`, and with the given meter, which OTEL_DENO=true makes Deno export. */
export function createMetrics(exported: Meter): Metrics {
  const reader = new PullReader();
  const local = new MeterProvider({ readers: [reader] }).getMeter("daxpay-refund-sync");
  // Without labels for scope and resource on every line.
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  const meters = [local, exported];

  return {
    createCounter(name, options) {
      const counters = meters.map((meter) => meter.createCounter(name, options));
      return { add: (...values) => counters.forEach((counter) => counter.add(...values)) };
    },
    createHistogram(name, options) {
      const histograms = meters.map((meter) => meter.createHistogram(name, options));
      return { record: (...values) => histograms.forEach((histogram) => histogram.record(...values)) };
    },
    createObservableCounter(name, options) {
      return combine(meters.map((meter) => meter.createObservableCounter(name, options)));
    },
    createObservableGauge(name, options) {
      return combine(meters.map((meter) => meter.createObservableGauge(name, options)));
    },
    async scrape() {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
  };
}

/** One observable for all of them. */
function combine(observables: readonly Observable[]): Observable {
  return {
    addCallback: (callback) => observables.forEach((observable) => observable.addCallback(callback)),
    removeCallback: (callback) => observables.forEach((observable) => observable.removeCallback(callback)),
  };
}

/** Collects on demand. */
class PullReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}
