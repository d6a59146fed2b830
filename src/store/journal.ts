import type { Sql } from "./database.ts";

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
  /** When it was committed, in epoch milliseconds of the database's clock. */
  readonly eventAt: number;
}

/** The append-only record of everything that has changed. */
export interface Journal {
  /**
   * Appends the entries in the given transaction, which should commit next: until then all other appends wait. Throws a
   * StoreReplacedError where the journal is shorter than this process has seen it.
   */
  append(tx: Sql, entries: readonly JournalEntry[]): Promise<readonly JournalRow[]>;
}
