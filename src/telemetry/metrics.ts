import type { Meter, MetricOptions, Observable, ObservableCallback } from "@opentelemetry/api";
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

const METER = "daxpay-refund-sync";

/** Content type of `scrape`. */
export const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** Records every metric twice: for `scrape`, and with the given meter, which OTEL_DENO=true makes Deno export. */
export function createMetrics(exported: Meter): Metrics {
  const reader = new PullReader();
  const local = new MeterProvider({ readers: [reader] }).getMeter(METER);
  const observed: Observed[] = [];
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
      return combine(
        observe("createObservableCounter", name, options),
        exported.createObservableCounter(name, options),
      );
    },
    createObservableGauge(name, options) {
      return combine(observe("createObservableGauge", name, options), exported.createObservableGauge(name, options));
    },
    async scrape() {
      const collected = [await reader.collect()];
      // An empty one ends without a line break.
      if (observed.length > 0) collected.push(await collectObserved(observed));
      return collected.map(({ resourceMetrics }) => serializer.serialize(resourceMetrics)).join("");
    },
  };

  function observe(create: Observed["create"], name: string, options?: MetricOptions): Observable {
    const callbacks = new Set<ObservableCallback>();
    observed.push({ create, name, options, callbacks });
    return {
      addCallback: (callback) => void callbacks.add(callback),
      removeCallback: (callback) => void callbacks.delete(callback),
    };
  }
}

/** An instrument whose value is read on every scrape. */
interface Observed {
  readonly create: "createObservableCounter" | "createObservableGauge";
  readonly name: string;
  readonly options: MetricOptions | undefined;
  readonly callbacks: ReadonlySet<ObservableCallback>;
}

/**
 * Reads them with a provider of its own for each scrape: one that lasts keeps the value of the newest wall-clock time
 * (LastValueAggregator), so that a clock set back would freeze every gauge until it has caught up.
 */
async function collectObserved(observed: readonly Observed[]) {
  const reader = new PullReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter(METER);
  for (const { create, name, options, callbacks } of observed) {
    const observable = meter[create](name, options);
    for (const callback of callbacks) observable.addCallback(callback);
  }
  return await reader.collect();
}

/** One observable for all of them. */
function combine(...observables: readonly Observable[]): Observable {
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
