import { randomBytes } from "node:crypto";
import type { Logger } from "@logtape/logtape";
import type { Config } from "../config/read.ts";
import { openPostgres } from "../store/postgres.ts";
import { createTracking, type StartedTracking } from "../tracking/create.ts";
import type { TrackedAccount } from "../tracking/running.ts";
import type { WebhookConfig } from "../config/accounts.ts";
import type { Instruments } from "../telemetry/metrics.ts";
import type { Dependencies } from "./dependencies.ts";
import { createAppWebhooks } from "./webhooks.ts";

export interface AppTrackingOptions {
  readonly config: Config;
  readonly dependencies: Dependencies;
  readonly logger: Logger;
  readonly meter: Instruments;
  readonly accountOf: (name: string) => TrackedAccount | undefined;
  readonly webhookOf: (account: string) => WebhookConfig | undefined;
}

/** Opens the database of the configuration, or the embedded one that replaces it. */
export async function createAppTracking(options: AppTrackingOptions): Promise<StartedTracking> {
  const { config, dependencies: { clock, random, openDatabase }, logger, meter, accountOf, webhookOf } = options;
  const { store, watch, trackTimeoutMs } = config;
  const database = await openDatabase?.() ?? openPostgres({
    ...required(store),
    onListenError: (error) => logger.warn("Lost the database's notifications: {error}", { error: error.message }),
  });
  return createTracking({
    database,
    // An embedded database ends with this process, and so does its journal.
    journalKey: store?.journalKey ?? randomBytes(32).toString("hex"),
    clock,
    schedule: { ...watch, random },
    trackTimeoutMs,
    retentionMs: store?.retentionMs,
    accountOf,
    createDelivery: createAppWebhooks({ config: config.webhooks, clock, logger, meter, endpointOf: webhookOf }),
    onError: (error) => logger.error("Tracking failed: {error}", { error: error.message }),
    onHead: (head) => logger.info("Journal head {head}", { head }),
    onState: (error) =>
      error
        ? logger.error("Cannot use the database: {error}", { error: error.message })
        : logger.info("Using the database"),
  });
}

function required<T>(store: T | undefined): T {
  if (store === undefined) throw new TypeError("Expected a configured database");
  return store;
}
