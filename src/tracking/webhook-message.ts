import { Webhook } from "standardwebhooks";
import type { TrackingEvent } from "./tracking.ts";
import type { WebhookEndpoint } from "./webhook.ts";

/** A request's headers and body, as Standard Webhooks defines them. */
export interface WebhookMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** JSON of the event as receivers get it. */
export type SerializeEvent = (event: TrackingEvent) => string;

/** The same for every attempt but for time and signatures: receivers know a repeated event by its id. */
export function webhookMessage(
  event: TrackingEvent,
  { secret, previousSecret }: WebhookEndpoint,
  { serialize, now }: { readonly serialize: SerializeEvent; readonly now: number },
): WebhookMessage {
  const type = JSON.stringify(`refund.${event.kind.toLowerCase()}`);
  const timestamp = JSON.stringify(new Date(event.eventAt).toISOString());
  const body = `{"type":${type},"timestamp":${timestamp},"data":${serialize(event)}}`;
  const secrets = previousSecret === undefined ? [secret] : [secret, previousSecret];
  return {
    headers: {
      "content-type": "application/json",
      "user-agent": "daxpay-refund-sync",
      "webhook-id": event.cursor,
      "webhook-timestamp": String(Math.floor(now / 1000)),
      "webhook-signature": secrets.map((text) => new Webhook(text).sign(event.cursor, new Date(now), body)).join(" "),
    },
    body,
  };
}
