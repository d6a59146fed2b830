import { context as otel, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import type { Logger } from "@logtape/logtape";
import type { DaxPay } from "../daxpay/client.ts";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Instruments } from "./metrics.ts";
import type { RefundEvent, RefundListener } from "../refund/event.ts";
import type { Stats } from "../refund/refunds.ts";

/** Seconds: an answer of DaxPay's takes as long as the payment channel's. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

/** Turns the domain's events into log lines and numbers. */
export function createTelemetryListener(logger: Logger, meter: Instruments): RefundListener {
  const durations = meter.createHistogram("daxpay.client.request.duration", {
    unit: "s",
    description: "Time until DaxPay's answer, or until there was none, by failure reason",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const waits = meter.createHistogram("refundsync.queue.wait", {
    unit: "s",
    description: "Time that a question waited in line for DaxPay",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const counters = {
    repeated: meter.createCounter("refundsync.repeats", { description: "Failed requests that were repeated" }),
    shared: meter.createCounter("refundsync.shared", { description: "Callers that joined a question under way" }),
    paused: meter.createCounter("refundsync.pauses", { description: "Times that a limit held up the line" }),
    contradicted: meter.createCounter("refundsync.contradictions", {
      description: "Verified answers that contradict an earlier final one",
    }),
  };

  return (event: RefundEvent) => {
    switch (event.type) {
      case "request":
        durations.record(event.ms / 1000, { step: event.step, reason: event.failure?.reason ?? "NONE" });
        return;
      case "dequeued":
        waits.record(event.ms / 1000);
        return;
      case "coalesced":
        counters.shared.add(1);
        return;
      case "retry":
        counters.repeated.add(1, { reason: event.failure.reason });
        logger.debug("Repeating after {waitMs} ms: {error}", { waitMs: event.delayMs, error: event.failure.message });
        return;
      case "throttled":
        counters.paused.add(1);
        logger.warn("Asking nothing for {ms} ms: DaxPay or a payment channel wants fewer calls", { ms: event.ms });
        return;
      case "breaker":
        logger.warn("The circuit to DaxPay is {state}", { state: event.state });
        return;
      case "conflict": {
        const { before, after } = event;
        counters.contradicted.add(1);
        logger.error("Refund {refundNo}{bizRefundNo} was {before} at {beforeAt} and is {after} at {afterAt}", {
          refundNo: after.refundNo,
          bizRefundNo: after.bizRefundNo,
          before: before.daxpayStatus,
          beforeAt: new Date(before.repliedAt).toISOString(),
          after: after.daxpayStatus,
          afterAt: new Date(after.repliedAt).toISOString(),
          orderNo: after.orderNo ?? before.orderNo,
        });
        return;
      }
      case "doubt":
        logger.warn("Sync of refund {refundNo} was not answered; only queries are sent for {ms} ms", {
          refundNo: event.refundNo,
          orderNo: event.orderNo,
          ms: event.ms,
        });
        return;
      case "closedBySync":
        logger.warn("Refund {refundNo} was closed by a sync: check the refundable balance of order {orderNo}", {
          refundNo: event.state.refundNo,
          orderNo: event.state.orderNo,
        });
    }
  };
}

/** Lets the numbers of the moment be read whenever metrics are collected. */
export function observeGauges(meter: Instruments, gauges: () => Stats, now: () => number): void {
  const observe = (name: string, unit: string, description: string, read: (gauges: Stats) => number | undefined) =>
    meter.createObservableGauge(name, { unit, description }).addCallback((result) => {
      const value = read(gauges());
      if (value !== undefined) result.observe(value);
    });
  observe("refundsync.queue.length", "{question}", "Questions that wait in line for DaxPay", (at) => at.queueSize);
  observe("refundsync.questions", "{question}", "Questions that wait or are being asked", (at) => at.inFlight);
  observe("refundsync.watches", "{watch}", "Open watches", (at) => at.watchers);
  observe(
    "refundsync.watches.oldest",
    "s",
    "Age of the oldest watch of a refund that is not final",
    (at) => at.oldestWatch === undefined ? 0 : (now() - at.oldestWatch) / 1000,
  );
  observe(
    "refundsync.breaker",
    "{state}",
    "Circuit to DaxPay: 0 closed, 1 half-open, 2 open",
    (at) => ["closed", "half-open", "open"].indexOf(at.breaker),
  );
  observe(
    "daxpay.clock.skew",
    "s",
    "How far DaxPay's clock was ahead in its last verified reply",
    (at) => at.skewMs === undefined ? undefined : at.skewMs / 1000,
  );
}

/** Within it Deno's fetch makes no span of its own and sends no `traceparent` on, whatever OTEL_PROPAGATORS says. */
const UNTRACED = suppressTracing(ROOT_CONTEXT);

/** A client span around every request to DaxPay. Callers' trace ids are none of DaxPay's business. */
export function withTracing(daxpay: DaxPay, tracer: Tracer, url: URL): DaxPay {
  const attributes = {
    "http.request.method": "POST",
    "server.address": url.hostname,
    "server.port": Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    "daxpay.path": daxpay.release.path,
  };
  return {
    ...daxpay,
    sync: (query, options) =>
      tracer.startActiveSpan("DaxPay refund sync", { kind: SpanKind.CLIENT, attributes }, async (span) => {
        try {
          const report = await otel.with(UNTRACED, () => daxpay.sync(query, options));
          span.setAttribute("daxpay.trace_id", report.daxpayTraceId ?? "");
          return report;
        } catch (error) {
          const reason = error instanceof DaxPayFailure ? error.reason : "CANCELED";
          span.setAttribute("error.type", reason).setStatus({ code: SpanStatusCode.ERROR, message: reason });
          throw error;
        } finally {
          span.end();
        }
      }),
  };
}
