/** Runs SQL. Parameters are $1, $2 …; int8 values are returned as numbers, timestamptz values as Dates. */
export interface Sql {
  query<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** Everything throws a StoreUnavailableError where the database cannot answer now. */
export interface Database extends Sql, AsyncDisposable {
  /** Runs the work in one transaction at READ COMMITTED; repeats all of it after a deadlock. */
  transaction<T>(work: (tx: Sql) => Promise<T>): Promise<T>;
  /**
   * Calls back with the payload of every NOTIFY on CHANNEL. After a lost connection it listens again and calls `onGap`, since
   * notifications may have been lost.
   */
  listen(onNotify: (payload: string) => void, onGap: () => void): AsyncDisposable;
}

/** The same database for a borrower who disposes of it: it stays open. */
export function lend(database: Database): Database {
  return { ...database, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The schema of all tables. */
export const SCHEMA = "refundsync";
/** The channel of all notifications. */
export const CHANNEL = "refundsync";

/** The database does not answer: down, unreachable, overloaded, full, or read-only after a failover. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";

  constructor(cause: unknown) {
    super(`The database is unavailable: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The database is not the one that this service has written to: its identity is missing, or its journal is shorter. */
export class StoreReplacedError extends Error {
  override readonly name = "StoreReplacedError";
}

/**
 * SQLSTATE classes and codes by which PostgreSQL says that it cannot answer now: connection (08), resources (53, a full disk
 * included), operator intervention (57), system (58), read-only (25006), authentication (28: rotated while it runs).
 */
const UNAVAILABLE = /^(?:08|53|57|58|28)|^25006$/;
/** SQLSTATEs after which a transaction can be repeated: serialization failure, deadlock, another one inserted the same. */
const REPEATABLE = new Set(["40001", "40P01", "23505"]);

/** The error as this layer throws it: what has no SQLSTATE comes from the connection. */
export function storeError(error: unknown): unknown {
  if (error instanceof StoreUnavailableError || error instanceof StoreReplacedError) return error;
  const code = sqlState(error);
  if (code === undefined) return isConnectionError(error) ? new StoreUnavailableError(error) : error;
  return UNAVAILABLE.test(code) ? new StoreUnavailableError(error) : error;
}

export function isRepeatable(error: unknown): boolean {
  return REPEATABLE.has(sqlState(error) ?? "");
}

export function isUndefinedTable(error: unknown): boolean {
  return sqlState(error) === "42P01";
}

function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // Every class has a digit, and no system's error code (EPIPE) has one.
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** pg's own errors have no type: socket errors have a system code, the rest only a text. */
function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && typeof error.code === "string" && /^E[A-Z]{3,}$/.test(error.code)) return true;
  return /connection|timeout|terminated|Client was closed|PGlite is closed|Cannot use a pool|SSL|TLS|certificate|socket/i
    .test(
      error.message,
    );
}
