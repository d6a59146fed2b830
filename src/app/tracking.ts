import { randomBytes } from "node:crypto";
import type { Logger } from "@logtape/logtape";
import type { Config } from "../config/read.ts";
import { openPostgres } from "../store/postgres.ts";
import { createTracking, type StartedTracking } from "../tracking/create.ts";
import type { Handler } from "../http/handler.ts";
import { observeTracking } from "../telemetry/tracking-gauges.ts";
import type { AppAccounts } from "./accounts.ts";
import { createNotices } from "./notices.ts";
import type { Instruments } from "../telemetry/metrics.ts";
import type { Dependencies } from "./dependencies.ts";
import { createAppWebhooks } from "./webhooks.ts";

export interface AppTrackingOptions {
  readonly config: Config;
  readonly dependencies: Dependencies;
  readonly logger: Logger;
  readonly meter: Instruments;
  /** Not used before they have been created with this. */
  readonly accounts: () => AppAccounts;
}

/** Everything that needs the database. */
export interface AppTracking extends StartedTracking {
  /** Serves the addresses of DaxPay's notices, and passes other requests on. */
  withNotices(fallback: Handler): Handler;
}

/** Key of the journal of an embedded database, which ends with this process. */
const EMBEDDED_JOURNAL_KEY = randomBytes(32).toString("hex");

/** Opens the database of the configuration, or the embedded one that replaces it. */
export async function createAppTracking(options: AppTrackingOptions): Promise<AppTracking> {
  const { config, dependencies: { clock, random, openDatabase }, logger, meter, accounts } = options;
  const { store, watch, trackTimeoutMs } = config;
  const database = await openDatabase?.() ?? openPostgres({
    ...required(store),
    onListenError: (error) => logger.warn("Lost the database's notifications: {error}", { error: error.message }),
  });
  const tracking = createTracking({
    database,
    journalKey: store?.journalKey ?? EMBEDDED_JOURNAL_KEY,
    clock,
    schedule: { ...watch, random },
    trackTimeoutMs,
    retentionMs: store?.retentionMs,
    accountOf: (name) => accounts().trackedAccount(name),
    createDelivery: createAppWebhooks({
      config: config.webhooks,
      clock,
      logger,
      meter,
      endpointOf: (name) => accounts().webhookOf(name),
    }),
    onError: (error) => logger.error("Tracking failed: {error}", { error: error.message }),
    onHead: (head) => logger.info("Journal head {head}", { head }),
    onState: (error) =>
      error
        ? logger.error("Cannot use the database: {error}", { error: error.message })
        : logger.info("Using the database"),
  });
  observeTracking(meter, tracking);
  return {
    ...tracking,
    withNotices: (fallback) => createNotices({ accounts: accounts(), tracking, meter, logger, clock, fallback }),
  };
}

function required<T>(store: T | undefined): T {
  if (store === undefined) throw new TypeError("Expected a configured database");
  return store;
}
