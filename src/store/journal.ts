import { createChain, hexOf } from "./chain.ts";
import type { Database, Sql } from "./database.ts";
import { epochMs, type JournalHead, type StoreGuard } from "./identity.ts";
import { notifyJournal } from "./notifications.ts";

/** One change of a refund, to be written. */
export interface JournalEntry {
  readonly account: string;
  readonly refundId: number;
  readonly kind: string;
  /** JSON, stored byte for byte. */
  readonly body: string;
}

/** One row of the journal. */
export interface JournalRow extends JournalEntry {
  /** From 1, without gaps, in commit order. */
  readonly seq: number;
  /** When it was appended, in epoch milliseconds of the database's clock; never before the previous row. */
  readonly eventAt: number;
}

/** Rows behind a position. */
export interface JournalPage {
  readonly rows: readonly JournalRow[];
  /** All matching rows up to this one have been read. */
  readonly through: number;
  readonly head: number;
  /** Rows up to this one have been pruned; beyond the position it means that rows were missed. */
  readonly prunedSeq: number;
}

/** The append-only record of everything that has changed. */
export interface Journal {
  /**
   * Appends the entries in the given transaction, which should commit next: until then all other appends wait. Throws a
   * StoreReplacedError where the journal is shorter than this process has seen it.
   */
  append(tx: Sql, entries: readonly JournalEntry[]): Promise<readonly JournalRow[]>;
  /** The last row. Throws a StoreReplacedError as `append` does. */
  head(): Promise<JournalHead>;
  /** The first row that has not been pruned, which may not have been written yet. */
  oldestSeq(): Promise<number>;
  /** At most `limit` rows after `after`, of these accounts if any are given. Rows that were pruned are skipped. */
  read(after: number, limit: number, accounts?: readonly string[]): Promise<readonly JournalRow[]>;
  /** The same, but looks at a bounded number of rows, so that few matching ones are no long statement. */
  page(after: number, limit: number, accounts?: readonly string[]): Promise<JournalPage>;
}

export interface JournalOptions {
  readonly database: Database;
  /** See `createChain`. */
  readonly key: string;
  readonly guard: StoreGuard;
}

/** Any fixed number: appends wait for each other from here to their commits. */
const LOCK = 7_240_118_306;
/** How many rows one page looks at. */
const WINDOW = 5_000;

/** Selects a JournalRow from `journal`. */
export const JOURNAL_COLUMNS = `seq, ${
  epochMs("event_time")
} AS "eventAt", account, refund_id AS "refundId", kind, body`;

const INSERT = `INSERT INTO journal (seq, event_time, account, refund_id, kind, body, hash)
  SELECT seq, to_timestamp($1::float8 / 1000), account, refund_id, kind, body, decode(hash, 'hex')
  FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS entry (seq, account, refund_id, kind, body, hash)`;

/** Times of rows are milliseconds: what PostgreSQL rounds to must be what was hashed. */
const INSERT_START = `INSERT INTO journal_checkpoint (seq, hash, event_time, created_at, signature)
  VALUES (0, $1, to_timestamp($2::float8 / 1000), to_timestamp($2::float8 / 1000), $3)`;

export function createJournal({ database, key, guard }: JournalOptions): Journal {
  const chain = createChain(key);

  /** What the first row chains from is signed and stored, since `migrate --adopt` gives the store another id. */
  async function begin(tx: Sql, now: number): Promise<Uint8Array> {
    const hash = chain.start(guard.storeId);
    const signature = chain.sign({ seq: 0, hash, eventAt: now, createdAt: now });
    await tx.query(INSERT_START, [hash, now, signature]);
    return hash;
  }

  async function page(after: number, limit: number, accounts?: readonly string[]): Promise<JournalPage> {
    const { head, prunedSeq } = await guard.check(database);
    const from = Math.max(after, prunedSeq);
    const end = Math.min(from + WINDOW, head.seq);
    const values = [from, end, limit];
    const rows = from >= end ? [] : await database.query<JournalRow>(
      `SELECT ${JOURNAL_COLUMNS} FROM journal WHERE seq > $1 AND seq <= $2 ${accounts ? "AND account = ANY($4)" : ""}
        ORDER BY seq LIMIT $3`,
      accounts ? [...values, accounts] : values,
    );
    const through = rows.length === limit ? rows[rows.length - 1].seq : Math.max(from, end);
    if (rows.length === through - from) return { rows, through, head: head.seq, prunedSeq };
    // Between the two statements rows may have been pruned, which is always from the front.
    return { rows, through, head: head.seq, prunedSeq: (await guard.check(database)).prunedSeq };
  }

  return {
    page,
    async append(tx, entries) {
      if (entries.length === 0) return [];
      await notifyJournal(tx);
      // By a statement of its own: one sees the rows that were committed when it began.
      await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
      const { head, eventAt: headEventAt, now } = await guard.check(tx);
      let hash = head.hash.length > 0 ? head.hash : await begin(tx, now);
      // The clock may have been set back.
      const eventAt = Math.max(now, headEventAt);
      const rows = entries.map((entry, index) => ({ ...entry, seq: head.seq + 1 + index, eventAt }));
      const hashes = rows.map((row) => hexOf(hash = chain.hash(hash, row)));
      const column = <N extends keyof JournalRow>(name: N) => rows.map((row) => row[name]);
      const columns = [column("seq"), column("account"), column("refundId"), column("kind"), column("body"), hashes];
      await tx.query(INSERT, [eventAt, ...columns]);
      return rows;
    },
    head: async () => (await guard.check(database)).head,
    oldestSeq: async () => (await guard.check(database)).prunedSeq + 1,
    async read(after, limit, accounts) {
      const rows: JournalRow[] = [];
      for (let from = after;;) {
        const next = await page(from, limit - rows.length, accounts);
        rows.push(...next.rows);
        if (rows.length >= limit || next.through >= next.head) return rows;
        from = next.through;
      }
    },
  };
}
