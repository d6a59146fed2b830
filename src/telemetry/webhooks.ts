import type { Logger } from "@logtape/logtape";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import type { WebhookEvent, WebhookStats } from "../tracking/webhook.ts";
import type { Instruments } from "./metrics.ts";

/** Logs and counts deliveries. `stats` is undefined, or rejects, while the database is unavailable. */
export function createWebhookTelemetry(
  logger: Logger,
  meter: Instruments,
  stats: () => Promise<WebhookStats | undefined>,
): (event: WebhookEvent) => void {
  const deliveries = meter.createCounter("refundsync.webhook.deliveries", {
    unit: "{delivery}",
    description: "Attempts to deliver an event to a webhook, failed ones by error type",
  });
  const dead = meter.createCounter("refundsync.webhook.dead", {
    unit: "{event}",
    description: "Events that no further attempt is made to deliver",
  });
  const observe = (name: string, unit: string, description: string, read: (stats: WebhookStats) => number) =>
    meter.createObservableGauge(`refundsync.webhook.${name}`, { unit, description }).addCallback(async (result) => {
      const present = await stats().catch(() => undefined);
      if (present) result.observe(read(present));
    });
  observe("events_behind", "{event}", "Events that wait to be delivered", ({ waiting }) => waiting);
  observe("oldest_age", "s", "Age of the oldest event that waits to be delivered", ({ oldestMs }) => oldestMs / 1000);
  observe("dead_letters", "{event}", "Events in the dead-letter list", (present) => present.dead);

  return (event) => {
    switch (event.type) {
      case "delivered":
        return deliveries.add(1, { account: event.row.account });
      case "failed":
        deliveries.add(1, { account: event.row.account, [ATTR_ERROR_TYPE]: event.failure.reason });
        return logger.info("Webhook not delivered, next attempt in {delayMs} ms: {error}", {
          ...propertiesOf(event),
          delayMs: event.delayMs,
        });
      case "dead":
        dead.add(1, { account: event.row.account, [ATTR_ERROR_TYPE]: event.failure.reason });
        return logger.error("Webhook given up, see deno task webhooks: {error}", propertiesOf(event));
      case "error":
        return logger.warn("Webhooks wait for the database: {error}", { error: String(event.error) });
    }
  };
}

function propertiesOf({ row, failure, attempt }: WebhookEvent & { readonly type: "failed" | "dead" }) {
  return { account: row.account, seq: row.seq, reason: failure.reason, error: failure.message, attempt };
}
