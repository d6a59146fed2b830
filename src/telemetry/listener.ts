import type { Logger } from "@logtape/logtape";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import { REASONS } from "../daxpay/failure.ts";
import type { RefundEvent, RefundListener } from "../refund/event.ts";
import type { Instruments } from "./metrics.ts";

/** Seconds. DaxPay takes as long as the payment channel. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

/** Logs and counts the domain's events. */
export function createTelemetryListener(logger: Logger, meter: Instruments): RefundListener {
  const requestDuration = meter.createHistogram("daxpay.client.request.duration", {
    unit: "s",
    description: "Duration of DaxPay requests by error type",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const waitTime = meter.createHistogram("refundsync.queue.wait_time", {
    unit: "s",
    description: "Time that a DaxPay request spent in the queue",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  /** A counter that is exported from the start, with one series per value of its only attribute. */
  const counter = (
    name: string,
    unit: string,
    description: string,
    initial: readonly Record<string, string>[] = [{}],
  ) => {
    const created = meter.createCounter(`refundsync.${name}`, { unit, description });
    for (const attributes of initial) created.add(0, attributes);
    return created;
  };
  const reasons = Object.keys(REASONS).map((reason) => ({ [ATTR_ERROR_TYPE]: reason }));
  const retries = counter("retries", "{retry}", "Retried DaxPay requests by error type", reasons);
  const coalesced = counter("coalesced", "{call}", "Calls that shared a DaxPay request in flight");
  const throttled = counter("throttled", "{pause}", "Pauses of the queue because DaxPay or a channel was throttling");
  const conflicts = counter("state_conflicts", "{conflict}", "Verified states that differ from an earlier final one");

  return (event: RefundEvent) => {
    switch (event.type) {
      case "asked":
        return requestDuration.record(
          event.ms / 1000,
          event.failure ? { [ATTR_ERROR_TYPE]: event.failure.reason } : {},
        );
      case "waited":
        return waitTime.record(event.ms / 1000);
      case "shared":
        return coalesced.add(1);
      case "repeated":
        retries.add(1, { [ATTR_ERROR_TYPE]: event.failure.reason });
        return logger.debug("Retrying in {delayMs} ms: {error}", {
          delayMs: event.waitMs,
          reason: event.failure.reason,
          error: event.failure.message,
        });
      case "paused":
        throttled.add(1);
        return logger.warn("Throttled: pausing DaxPay requests for {ms} ms", { ms: event.ms });
      case "breaker":
        return logger.warn("Circuit breaker to DaxPay is {state}", { state: event.state });
      case "contradicted": {
        const { before, after } = event;
        conflicts.add(1);
        return logger.error("Final refund state {before} of {beforeTime} changed to {after} at {afterTime}", {
          ...(after.refundNo ? { refundNo: after.refundNo } : {}),
          ...(after.bizRefundNo ? { bizRefundNo: after.bizRefundNo } : {}),
          before: before.daxpayStatus,
          beforeTime: new Date(before.repliedAt).toISOString(),
          after: after.daxpayStatus,
          afterTime: new Date(after.repliedAt).toISOString(),
        });
      }
      default:
        event satisfies never;
    }
  };
}
