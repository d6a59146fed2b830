import { Buffer } from "node:buffer";
import { hexOf, isSameHash } from "./chain.ts";
import { isUndefinedTable, type Sql, StoreReplacedError } from "./database.ts";

/** The last row that was ever appended. */
export interface JournalHead {
  /** 0 in an empty journal. */
  readonly seq: number;
  /** Empty where nothing was ever appended. */
  readonly hash: Uint8Array;
}

/** As it is logged, and as `journal verify --head` expects it. */
export function formatHead({ seq, hash }: JournalHead): string {
  return `${seq}:${hexOf(hash)}`;
}

/** Reads what formatHead() printed; undefined for anything else. */
export function parseHead(text: string): JournalHead | undefined {
  const [, seq, hex] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? [];
  return hex === undefined ? undefined : { seq: Number(seq), hash: Buffer.from(hex, "hex") };
}

/** The journal as one statement sees it. Times are epoch milliseconds. */
export interface StoreState {
  readonly head: JournalHead;
  /** When the head was appended. */
  readonly eventAt: number;
  /** Rows up to this one have been pruned; 0: none. */
  readonly prunedSeq: number;
  /** The database's clock. */
  readonly now: number;
}

/**
 * Remembers the furthest row of the journal that this process has seen, and so notices a database that was restored from a
 * backup, or a failover to one that is empty or has not received everything.
 */
export interface StoreGuard {
  readonly storeId: string;
  /**
   * Compares the database with what was seen, by one statement, in a transaction at READ COMMITTED or outside of one.
   * Throws a StoreReplacedError. Cannot notice what was lost before this process had seen it.
   */
  check(sql: Sql): Promise<StoreState>;
  /** Remembers a row that is committed. Lower ones than the furthest change nothing. */
  seen(seq: number, hash: Uint8Array): void;
}

const NOTHING: JournalHead = { seq: 0, hash: new Uint8Array() };

interface StateRow {
  readonly store_id: string | null;
  readonly seq: number | null;
  readonly hash: Uint8Array | null;
  readonly event_at: number | null;
  readonly uncommitted: boolean | null;
  readonly pruned_seq: number;
  readonly seen_hash: Uint8Array | null;
  readonly now: number;
}

/** The epoch milliseconds of a timestamptz(3). */
export const epochMs = (expression: string) => `round(extract(epoch FROM ${expression}) * 1000)::float8`;

/** The head is the last row, or the checkpoint where all rows have been pruned. */
const STATE = `SELECT (SELECT store_id::text FROM identity) AS store_id, head.seq, head.hash, head.event_at,
    head.xmin = pg_current_xact_id_if_assigned()::xid AS uncommitted,
    COALESCE((SELECT max(seq) FROM journal_checkpoint), 0) AS pruned_seq,
    COALESCE((SELECT hash FROM journal WHERE seq = $1), (SELECT hash FROM journal_checkpoint WHERE seq = $1)) AS seen_hash,
    ${epochMs("clock_timestamp()::timestamptz(3)")} AS now
  FROM (SELECT) AS one LEFT JOIN LATERAL (
    (SELECT seq, hash, ${epochMs("event_time")} AS event_at, xmin FROM journal ORDER BY seq DESC LIMIT 1)
    UNION ALL
    (SELECT seq, hash, ${epochMs("event_time")}, xmin FROM journal_checkpoint ORDER BY seq DESC LIMIT 1)
    ORDER BY seq DESC LIMIT 1
  ) AS head ON true`;

/** The id of the store, as `createStoreGuard` needs it. Throws a StoreReplacedError where there is none. */
export async function readStoreId(sql: Sql): Promise<string> {
  const rows = await sql.query<{ store_id: string }>("SELECT store_id::text FROM identity").catch(rethrow);
  if (rows.length === 0) throw replaced("it has lost its identity");
  return rows[0].store_id;
}

/** `storeId`: as read when this process started. */
export function createStoreGuard(storeId: string): StoreGuard {
  let furthest = NOTHING;

  function seen(seq: number, hash: Uint8Array): void {
    if (seq > furthest.seq) furthest = { seq, hash };
  }

  return {
    storeId,
    seen,
    async check(sql) {
      // Another connection may see a later row before this statement's result arrives.
      const expected = furthest;
      const [row] = await sql.query<StateRow>(STATE, [expected.seq]).catch(rethrow);
      const head = row.seq === null || row.hash === null ? NOTHING : { seq: row.seq, hash: row.hash };
      if (row.store_id === null) throw replaced("it has lost its identity");
      if (row.store_id !== storeId) throw replaced(`expected store ${storeId}, got ${row.store_id}`);
      if (head.seq < expected.seq) {
        throw replaced(`expected its journal to reach row ${expected.seq} at least, got ${head.seq} rows`);
      }
      const isPruned = row.seen_hash === null && expected.seq <= row.pruned_seq;
      if (expected.seq > 0 && !isPruned && !(row.seen_hash && isSameHash(row.seen_hash, expected.hash))) {
        throw replaced(`expected row ${expected.seq} of its journal as it was, got another`);
      }
      // A row of this very transaction may yet be rolled back.
      if (!row.uncommitted) seen(head.seq, head.hash);
      return { head, eventAt: row.event_at ?? 0, prunedSeq: row.pruned_seq, now: row.now };
    },
  };
}

function rethrow(error: unknown): never {
  throw isUndefinedTable(error) ? replaced("it has no tables", error) : error;
}

function replaced(what: string, cause?: unknown): StoreReplacedError {
  return new StoreReplacedError(
    `The database is not the one that this service has written to: ${what}. No refund is synced until somebody has ` +
      "looked into it, run `deno task migrate --adopt` and restarted the service",
    { cause },
  );
}
