import type { Logger } from "@logtape/logtape";
import type { Tracer } from "@opentelemetry/api";
import type { Config } from "../config/read.ts";
import { createDaxPay } from "../daxpay/client.ts";
import type { Calls } from "../interceptors/call.ts";
import { createRefunds, type Refunds } from "../refund/refunds.ts";
import type { Readiness } from "../service/readiness.ts";
import { observeRefunds } from "../telemetry/gauges.ts";
import { createTelemetryListener } from "../telemetry/listener.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { withTracing } from "../telemetry/tracing.ts";
import type { Dependencies } from "./dependencies.ts";

export interface ObservedRefundsOptions {
  readonly config: Config;
  readonly dependencies: Dependencies;
  readonly calls: Calls;
  /** Blocked while the circuit breaker is open. */
  readonly upstream: Readiness;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly tracer: Tracer;
}

/** The domain, with its events and state passed to logs, metrics, traces, health and the current call. */
export function createObservedRefunds(options: ObservedRefundsOptions): Refunds {
  const { config, calls, upstream, metrics, logger, tracer } = options;
  const { fetch, clock, nonce, random } = options.dependencies;
  const now = () => clock.now();
  const telemetry = createTelemetryListener(logger, metrics);
  const refunds = createRefunds({
    daxpay: withTracing(createDaxPay(config.daxpay, { fetch, now, nonce }), tracer, config.daxpay.url),
    ...config.sync,
    rateLimit: config.rateLimit,
    schedule: config.watch,
    clock,
    random,
    onEvent(event) {
      telemetry(event);
      const call = calls.current();
      if (call && event.type === "retry") call.retries++;
      if (call && event.type === "coalesced") call.coalesced = true;
      if (event.type === "breaker") upstream[event.state === "open" ? "block" : "unblock"]("circuit breaker open");
    },
  });
  observeRefunds(metrics, refunds.stats, () => clock.elapsed());
  return refunds;
}
