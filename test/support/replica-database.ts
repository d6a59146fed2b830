import { type Database, type Sql, StoreUnavailableError } from "../../src/store/database.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { applyTables } from "./tables.ts";

/** How a statement or transaction of a replica fails: without having taken effect, or after it has been committed. */
export type Away = "before" | "after";

/** One replica's connection to the database. */
export interface ReplicaDatabase extends Database {
  /** Lets every statement and transaction fail; undefined: none. */
  setAway(away: Away | undefined): void;
  /** The same for the next one only. */
  failNext(away: Away): void;
}

/** One in-memory database of several replicas. */
export interface SharedDatabase extends AsyncDisposable {
  /** Never fails. */
  readonly database: Database;
  /** `gate`: awaited before each statement or transaction, and before its result; a replica that stands still waits there. */
  open(gate?: () => Promise<void> | undefined): ReplicaDatabase;
  /** Sets the database's clock to this many milliseconds ahead of the system's; negative: behind. */
  setClockOffset(ms: number): void;
  /** The database's clock, in epoch milliseconds. */
  now(): number;
  /** Whether a statement or transaction is in progress. */
  isBusy(): boolean;
  /** Removes all rows but the identity. */
  clear(): Promise<void>;
}

const commits = new WeakMap<Sql, (() => void)[]>();

/** Runs the work when the transaction is committed, or at once outside of one. */
export function afterCommit(sql: Sql, work: () => void): void {
  const works = commits.get(sql);
  if (works) works.push(work);
  else work();
}

export async function openSharedDatabase(): Promise<SharedDatabase> {
  const embedded = await openEmbedded();
  await applyTables(embedded);
  let offsetMs = 0;
  let inProgress = 0;

  /** The statements, by a clock that is set. */
  const sqlOf = (target: Sql): Sql => ({
    query: (text, values) =>
      target.query(
        offsetMs === 0
          ? text
          : text.replaceAll(/\bclock_timestamp\(\)/g, `(clock_timestamp() + interval '${offsetMs} ms')`),
        values,
      ),
  });

  async function counted<T>(work: () => Promise<T>): Promise<T> {
    inProgress++;
    try {
      return await work();
    } finally {
      inProgress--;
    }
  }

  const query = <R extends object>(text: string, values?: readonly unknown[]) =>
    counted(() => sqlOf(embedded).query<R>(text, values));

  const transaction = <T>(work: (tx: Sql) => Promise<T>) =>
    counted(async () => {
      const works: (() => void)[] = [];
      const result = await embedded.transaction(async (target) => {
        const tx = sqlOf(target);
        commits.set(tx, works);
        return await work(tx);
      });
      works.forEach((work) => work());
      return result;
    });

  function open(gate: () => Promise<void> | undefined = () => undefined): ReplicaDatabase {
    let away: Away | undefined;
    let next: Away | undefined;

    async function through<T>(work: () => Promise<T>): Promise<T> {
      await gate();
      const mode = next ?? away;
      next = undefined;
      if (mode === "before") throw new StoreUnavailableError("connection refused");
      const result = await work();
      await gate();
      if (mode === "after") throw new StoreUnavailableError("connection terminated");
      return result;
    }

    return {
      query: <R extends object>(text: string, values?: readonly unknown[]) => through(() => query<R>(text, values)),
      transaction: (work) => through(() => transaction(work)),
      listen: embedded.listen,
      setAway: (mode) => void (away = mode),
      failNext: (mode) => void (next = mode),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  return {
    database: { query, transaction, listen: embedded.listen, [Symbol.asyncDispose]: () => Promise.resolve() },
    open,
    setClockOffset: (ms) => void (offsetMs = ms),
    now: () => Date.now() + offsetMs,
    isBusy: () => inProgress > 0,
    async clear() {
      offsetMs = 0;
      await embedded.query(
        "TRUNCATE refund, merchant, journal, journal_checkpoint, notice, budget RESTART IDENTITY CASCADE",
        [],
      );
    },
    [Symbol.asyncDispose]: () => embedded[Symbol.asyncDispose](),
  };
}
