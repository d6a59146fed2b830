import type { Logger } from "@logtape/logtape";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import { REASONS } from "../daxpay/failure.ts";
import type { RefundEvent, RefundListener } from "../refund/event.ts";
import type { Instruments } from "./metrics.ts";

/** Seconds. DaxPay takes as long as the payment channel. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

const MAX_DETAIL_LENGTH = 4_000;

/** Logs and counts the events of each account. */
export function createTelemetryListener(baseLogger: Logger, meter: Instruments): (account: string) => RefundListener {
  const requestDuration = meter.createHistogram("daxpay.client.request.duration", {
    unit: "s",
    description: "Duration of DaxPay requests by step and error type",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const waitTime = meter.createHistogram("refundsync.queue.wait_time", {
    unit: "s",
    description: "Time that a DaxPay request spent in the queue",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`refundsync.${name}`, { unit, description });
  const retries = counter("retries", "{retry}", "Retried DaxPay requests by error type");
  const coalesced = counter("coalesced", "{call}", "Calls that shared a DaxPay request in flight");
  const throttled = counter("throttled", "{pause}", "Pauses of the queue because DaxPay or a channel was throttling");
  const doubts = counter("doubts", "{sync}", "Syncs that were sent and not answered");
  const closed = counter("closed_by_sync", "{refund}", "Refunds of DaxPay 3.x that a sync of this service closed");
  const away = counter("store_away", "{sync}", "Syncs withheld, or sent without a claim, since the database was away");
  const conflicts = counter("state_conflicts", "{conflict}", "Verified states that differ from an earlier final one");

  return (account) => {
    const logger = baseLogger.with({ account });
    const labels = { account };
    // Exported from the start.
    for (const reason of Object.keys(REASONS)) retries.add(0, { ...labels, [ATTR_ERROR_TYPE]: reason });
    for (const created of [coalesced, throttled, doubts, closed, away, conflicts]) created.add(0, labels);

    return (event: RefundEvent) => {
      switch (event.type) {
        case "request":
          // Callers do not get it: it shows SQL or a stack trace.
          if (event.failure?.logDetail) {
            logger.warn("DaxPay failed internally: {detail}", {
              detail: event.failure.logDetail.slice(0, MAX_DETAIL_LENGTH),
              step: event.step,
              daxpayTraceId: event.failure.daxpayTraceId,
            });
          }
          return requestDuration.record(
            event.ms / 1000,
            { ...labels, step: event.step, ...(event.failure ? { [ATTR_ERROR_TYPE]: event.failure.reason } : {}) },
          );
        case "dequeued":
          return waitTime.record(event.ms / 1000, labels);
        case "coalesced":
          return coalesced.add(1, labels);
        case "retry":
          retries.add(1, { ...labels, [ATTR_ERROR_TYPE]: event.failure.reason });
          return logger.debug("Retrying in {delayMs} ms: {error}", {
            delayMs: event.delayMs,
            reason: event.failure.reason,
            error: event.failure.message,
          });
        case "throttled":
          throttled.add(1, labels);
          return logger.warn("Throttled: pausing DaxPay requests for {ms} ms", { ms: event.ms });
        case "breaker":
          return logger.warn("Circuit breaker to DaxPay is {state}", { state: event.state });
        case "conflict": {
          const { before, after } = event;
          conflicts.add(1, labels);
          return logger.error("Final refund state {before} of {beforeTime} changed to {after} at {afterTime}", {
            ...(after.refundNo ? { refundNo: after.refundNo } : {}),
            ...(after.bizRefundNo ? { bizRefundNo: after.bizRefundNo } : {}),
            orderNo: after.orderNo ?? before.orderNo,
            before: before.daxpayStatus,
            beforeTime: new Date(before.repliedAt).toISOString(),
            after: after.daxpayStatus,
            afterTime: new Date(after.repliedAt).toISOString(),
          });
        }
        case "doubt":
          doubts.add(1, labels);
          return logger.warn("Sync without a reply: only queries are sent for this refund for {ms} ms", {
            ms: event.ms,
            refundNo: event.refundNo,
            orderNo: event.orderNo,
          });
        case "storeAway":
          away.add(1, labels);
          return logger.warn(
            event.continued
              ? "Syncing without a claim, since the database is {problem}: another replica may sync the refund as well"
              : "Not syncing, since the database is {problem}",
            { refundNo: event.refundNo, problem: event.replaced ? "not the one written to" : "unavailable" },
          );
        case "closedBySync":
          closed.add(1, labels);
          return logger.warn(
            "Refund closed by a sync: check that the refundable balance of order {orderNo} rose only once",
            {
              refundNo: event.state.refundNo,
              orderNo: event.state.orderNo,
            },
          );
        default:
          event satisfies never;
      }
    };
  };
}
