import type { PgBoss } from "pg-boss";
import type { Logger } from "@logtape/logtape";
import type { WebhookConfig } from "../config/accounts.ts";
import type { WebhooksConfig } from "../config/read.ts";
import type { Clock } from "../refund/clock.ts";
import { jsonFromEvent } from "../service/convert-tracking.ts";
import type { Database } from "../store/database.ts";
import type { Instruments } from "../telemetry/metrics.ts";
import { createWebhookTelemetry } from "../telemetry/webhooks.ts";
import type { TrackingEvent } from "../tracking/tracking.ts";
import type { Webhooks } from "../tracking/webhook.ts";
import { createWebhooks } from "../tracking/webhooks.ts";
import { createAddressPolicy } from "../util/address-policy.ts";

export interface AppWebhooksOptions {
  readonly config: WebhooksConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Instruments;
  /** Of an account as it is configured now. */
  readonly endpointOf: (account: string) => WebhookConfig | undefined;
}

/** Returns what makes the delivery of events for a database; it is made anew when the database could not be used. */
export function createAppWebhooks({ config, clock, logger, meter, endpointOf }: AppWebhooksOptions) {
  let webhooks: Webhooks | undefined;
  const onEvent = createWebhookTelemetry(logger, meter, async () => await webhooks?.stats());
  return (
    boss: PgBoss,
    database: Database,
    readEvent: (seq: number) => Promise<TrackingEvent | undefined>,
  ): Webhooks =>
    webhooks = createWebhooks({
      database,
      boss,
      endpointOf,
      readEvent,
      serialize: jsonFromEvent,
      policy: createAddressPolicy(config.allowPrivate),
      timeoutMs: config.timeoutMs,
      onEvent,
      clock,
    });
}
