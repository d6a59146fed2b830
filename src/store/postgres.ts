import pg from "pg";
import { isLocal, parseDatabaseUrl } from "../util/database-url.ts";
import {
  CHANNEL,
  type Database,
  isRepeatable,
  SCHEMA,
  type Sql,
  storeError,
  StoreUnavailableError,
} from "./database.ts";

export interface PostgresOptions {
  /** A postgres: URL; see DATABASE_URL. */
  readonly url: string;
  /** Whether the connection must be encrypted and the server's certificate be valid for its host. Defaults to true off this machine. */
  readonly tls?: boolean;
  /** PEM of the CAs that may sign the server's certificate; replaces the system's. */
  readonly ca?: string;
  readonly maxConnections: number;
  /** Milliseconds until a connection must be open. */
  readonly connectTimeoutMs: number;
  /** Milliseconds that one statement may take. */
  readonly statementTimeoutMs: number;
  /** Called when the connection that listens is lost, and when it is open again. */
  readonly onListenError?: (error: Error) => void;
}

const INT8 = 20;
const MAX_REPEATS = 3;
/**
 * Milliseconds until the server ends a transaction whose client says nothing, for example since it was stopped. As long, all
 * replicas wait for its locks, the journal's among them.
 */
const MAX_SILENCE_MS = 5_000;
/** Milliseconds between attempts to listen again: doubles from the first to the second. */
const RECONNECT_MS = [250, 5_000] as const;

/** A pool of connections to PostgreSQL. Opens the first one when it is needed. */
export function openPostgres(options: PostgresOptions): Database {
  const config = {
    ...connectionConfig(options),
    max: options.maxConnections,
    allowExitOnIdle: true,
  } satisfies pg.PoolConfig;
  const pool = new pg.Pool(config);
  // An idle connection that the server closes is replaced when the next one is needed.
  pool.on("error", () => {});

  async function runTransaction<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken = false;
    // An error event without a listener would end the process.
    const onError = () => (broken = true);
    client.on("error", onError);
    try {
      await client.query("BEGIN");
      const result = await work({ query: (text, values) => rowsOf(client, text, values) });
      await client.query("COMMIT");
      return result;
    } catch (error) {
      // A connection whose statement has timed out would answer only after that one.
      if (storeError(error) instanceof StoreUnavailableError) broken = true;
      else await client.query("ROLLBACK").catch(onError);
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  }

  return {
    query: <R extends object>(text: string, values?: readonly unknown[]) =>
      rowsOf<R>(pool, text, values).catch(rethrow),
    async transaction(work) {
      for (let repeats = 0;; repeats++) {
        try {
          return await runTransaction(work);
        } catch (error) {
          if (repeats < MAX_REPEATS && isRepeatable(error)) continue;
          throw storeError(error);
        }
      }
    },
    listen: (onNotify, onGap) => listen(options, onNotify, onGap),
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}

/**
 * Everything that pg would otherwise take from the URL's parameters, PG* variables or ~/.pgpass. PGBINARY and PGREPLICATION it
 * reads in any case, which the permissions of `start` and `migrate` prevent.
 */
export function connectionConfig(options: PostgresOptions): pg.ClientConfig {
  const { url, ca, connectTimeoutMs, statementTimeoutMs } = options;
  const address = parseDatabaseUrl(url);
  const { host, port, user, database, password = "" } = address;
  const { tls = ca !== undefined || address.requiresTls || !isLocal(address) } = options;
  return {
    host,
    port,
    user,
    database,
    // An empty text would make pg look elsewhere.
    password: () => password,
    ssl: tls ? { ca, rejectUnauthorized: true, minVersion: "TLSv1.2" } : false,
    client_encoding: "UTF8",
    sslnegotiation: "postgres",
    application_name: "daxpay-refund-sync",
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    // The server enforces the other one; this one also notices a server that is gone.
    query_timeout: statementTimeoutMs + 1_000,
    idle_in_transaction_session_timeout: MAX_SILENCE_MS,
    keepAlive: true,
    options: `-c search_path=${SCHEMA}`,
    types: { getTypeParser: (oid, format) => oid === INT8 ? Number : pg.types.getTypeParser(oid, format) },
  };
}

async function rowsOf<R>(target: pg.Pool | pg.PoolClient, text: string, values?: readonly unknown[]): Promise<R[]> {
  // Several statements without parameters return several results.
  const result: pg.QueryResult | pg.QueryResult[] = await target.query(text, values as unknown[]);
  return (Array.isArray(result) ? result.flatMap(({ rows }) => rows) : result.rows) as R[];
}

function rethrow(error: unknown): never {
  throw storeError(error);
}

/** A connection of its own: a pool would lose its LISTEN. */
function listen(options: PostgresOptions, onNotify: (payload: string) => void, onGap: () => void): AsyncDisposable {
  let closed = false;
  let client: pg.Client | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let delayMs: number = RECONNECT_MS[0];

  async function connect(first: boolean): Promise<void> {
    const next = new pg.Client(connectionConfig(options));
    client = next;
    const lost = (error?: Error) => {
      if (client !== next || closed) return;
      client = undefined;
      options.onListenError?.(error ?? new Error("connection closed"));
      next.end().catch(() => {});
      timer = setTimeout(() => connect(false), delayMs);
      delayMs = Math.min(delayMs * 2, RECONNECT_MS[1]);
    };
    next.on("error", lost);
    next.on("end", () => lost());
    next.on("notification", ({ payload = "" }) => onNotify(payload));
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
      delayMs = RECONNECT_MS[0];
      if (!first) onGap();
    } catch (error) {
      lost(error instanceof Error ? error : new StoreUnavailableError(error));
    }
  }
  connect(true);

  return {
    async [Symbol.asyncDispose]() {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
