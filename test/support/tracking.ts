import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type RefundEvent, RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { type ServiceOptions, startService } from "./service.ts";

export type TrackingReplica = Awaited<ReturnType<typeof startReplica>>;

const JOURNAL_KEY = "0123456789abcdef0123456789abcdef0123456789abcdef";

/** A connection of the test's own. */
export function openDatabase(url: string) {
  return openPostgres({ url, maxConnections: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 30_000 });
}

/** Creates the tables in an empty database. */
export async function migrateDatabase(url: string): Promise<void> {
  await using database = openDatabase(url);
  await migrate(database);
}

/** Starts the service on a database that has been migrated. */
export async function startReplica(databaseUrl: string, options: ServiceOptions = {}) {
  const service = await startService({
    ...options,
    sandbox: { release: "3.0.0", ...options.sandbox },
    variables: {
      DATABASE_URL: databaseUrl,
      STORE_JOURNAL_KEY: JOURNAL_KEY,
      WATCH_SCHEDULE: "1s",
      ...options.variables,
    },
  });
  return {
    ...service,
    tracking: createClient(RefundTrackingService, createGrpcTransport({ baseUrl: service.grpc })),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** Starts another replica in front of the first one's DaxPay. */
export async function startSecondReplica(databaseUrl: string, first: TrackingReplica, options: ServiceOptions = {}) {
  return await startReplica(databaseUrl, {
    ...options,
    variables: { DAXPAY_URL: first.sandbox.url, ...options.variables },
  });
}

/** Reads events until one matches; returns all. */
export async function readEvents(
  { tracking }: Pick<TrackingReplica, "tracking">,
  isLast: (event: RefundEvent) => boolean,
  afterCursor = "",
): Promise<RefundEvent[]> {
  const events: RefundEvent[] = [];
  for await (const { message } of tracking.streamRefundEvents({ afterCursor })) {
    if (message.case !== "event") continue;
    events.push(message.value);
    if (isLast(message.value)) break;
  }
  return events;
}
