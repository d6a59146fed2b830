import type { NewRefund } from "../../../src/sandbox/rows.ts";
import { createSandbox, type Sandbox } from "../../../src/sandbox/sandbox.ts";
import type { Database } from "../../../src/store/database.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { openPostgres } from "../../../src/store/postgres.ts";
import { createPgProxy, type PgProxy } from "../../support/pg-proxy.ts";
import { type Postgres, type PostgresOptions, startPostgres } from "../../support/postgres.ts";
import { type Books, createBooks } from "../chaos-books.ts";
import { createReplica, type Replica } from "./replica.ts";

export interface ClusterOptions {
  readonly replicas: number;
  readonly postgres: PostgresOptions;
  /** What DaxPay has from the start. */
  readonly refunds?: readonly NewRefund[];
  readonly timeoutMs: number;
  readonly settleMs: number;
  readonly onViolation: (violation: string) => void;
}

/** Replicas of the service with what they share. */
export interface Cluster extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly books: Books;
  readonly postgres: Postgres;
  readonly database: Database;
  readonly replicas: readonly Replica[];
  /** The connections of the first replica to the database pass through it. */
  readonly proxy: PgProxy;
}

export const JOURNAL_KEY = "the key of the journal of a chaos run";
/**
 * After a long stop it still uses the replies that have arrived, rather than giving them up. Not where the clock is stepped: the
 * server counts by it (timeout.c of PostgreSQL 15), and after a step it ends no transaction while such a timer is set.
 */
const PATIENT = { DATABASE_TIMEOUT_MS: "600000" };
/** Milliseconds that DaxPay needs after the channel's answer. */
const COMMIT_MS = 50;

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { timeoutMs, settleMs, onViolation } = options;
  await using starting = new AsyncDisposableStack();
  const sandbox = await createSandbox({ release: "3.0.0", commitMs: COMMIT_MS });
  starting.defer(() => sandbox.close());
  for (const refund of options.refunds ?? []) sandbox.addRefund(refund);
  const postgres = starting.use(await startPostgres(options.postgres));
  const url = await postgres.createDatabase();
  const proxy = starting.use(await createPgProxy(url));
  const limits = { maxConnections: 4, connectTimeoutMs: 5_000, statementTimeoutMs: 60_000 };
  const database = starting.use(openPostgres({ url, ...limits }));
  await migrate(database);
  const books = starting.use(createBooks({ sandbox }));
  const variables = {
    STORE_JOURNAL_KEY: JOURNAL_KEY,
    DAXPAY_RATE: "300",
    DAXPAY_TIMEOUT_MS: String(timeoutMs),
    DAXPAY_SETTLE_TIMEOUT: `${settleMs}ms`,
    // Nothing was sent before.
    DAXPAY_SETTLE_ON_START: "off",
    WATCH_SCHEDULE: "1s,1s,2s",
    STOP_TIMEOUT_MS: "4000",
  };
  const replicas = await Promise.all(Array.from({ length: options.replicas }, async (_, index) => {
    const replica = await createReplica({
      daxpayUrl: sandbox.url,
      variables: {
        ...variables,
        DATABASE_URL: index === 0 ? proxy.through(url) : url,
        ...(index === 0 && !options.postgres.clock ? PATIENT : {}),
      },
      onViolation,
    });
    starting.use(replica);
    await replica.start();
    return replica;
  }));
  const started = starting.move();
  return {
    sandbox,
    books,
    postgres,
    database,
    replicas,
    proxy,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
