import { type Chain, type Checkpoint, createChain, hexOf, isSameHash } from "./chain.ts";
import type { Sql } from "./database.ts";
import { epochMs, type JournalHead } from "./identity.ts";
import { JOURNAL_COLUMNS, type JournalRow } from "./journal.ts";

/** A row as it is stored. */
export interface StoredRow extends JournalRow {
  readonly hash: Uint8Array;
}

/** The first thing that is wrong. */
export interface Damage {
  /** Of the row, or of the checkpoint. */
  readonly seq: number;
  readonly problem: string;
}

export type Verification =
  | {
    readonly kind: "intact";
    readonly rows: number;
    readonly head: JournalHead;
    /** Rows up to this one have been pruned; 0: none. */
    readonly prunedSeq: number;
    /** Whether the expected head was compared; it cannot be once it was pruned. */
    readonly comparedHead: boolean;
  }
  | { readonly kind: "broken" } & Damage;

export interface VerifyOptions {
  /** A head that was logged earlier: without it rows that were cut off the end are not missed. */
  readonly head?: JournalHead;
}

const PAGE_SIZE = 500;

/**
 * Verifies the whole journal with constant memory. `sql` must see one snapshot, that is be a transaction at REPEATABLE READ,
 * where rows are appended or pruned meanwhile.
 */
export async function verifyJournal(sql: Sql, key: string, { head }: VerifyOptions = {}): Promise<Verification> {
  const chain = createChain(key);
  const checkpoint = await readCheckpoint(sql, chain);
  if (checkpoint && "problem" in checkpoint) return { kind: "broken", ...checkpoint };
  const start: JournalHead = checkpoint ?? { seq: 0, hash: new Uint8Array() };
  const isExpected = (row: JournalHead) => row.seq !== head?.seq || isSameHash(row.hash, head.hash);
  const otherHead = (seq: number): Verification => ({
    kind: "broken",
    seq,
    problem: `expected the hash ${hexOf(head?.hash ?? start.hash)}, as logged; the journal was written anew`,
  });

  let previous = start;
  let rows = 0;
  if (!isExpected(start)) return otherHead(start.seq);
  for (let after = Number.MIN_SAFE_INTEGER;;) {
    const page = await readRows(sql, after, PAGE_SIZE);
    for (const row of page) {
      if (!checkpoint) {
        return { kind: "broken", seq: row.seq, problem: "the checkpoint that it starts from is missing" };
      }
      const damage = await findDamage(sql, chain, previous, row);
      if (damage) return { kind: "broken", ...damage };
      if (!isExpected(row)) return otherHead(row.seq);
      previous = row;
      rows++;
    }
    if (page.length < PAGE_SIZE) break;
    after = page[page.length - 1].seq;
  }
  if (head && head.seq > previous.seq) {
    return {
      kind: "broken",
      seq: previous.seq + 1,
      problem: `rows up to ${head.seq}, as logged, are missing at the end`,
    };
  }
  return {
    kind: "intact",
    rows,
    head: { seq: previous.seq, hash: previous.hash },
    prunedSeq: start.seq,
    comparedHead: head !== undefined && head.seq >= start.seq,
  };
}

/** The checkpoint that the journal starts from; undefined before the first append. */
export async function readCheckpoint(sql: Sql, chain: Chain): Promise<Checkpoint | Damage | undefined> {
  const [row] = await sql.query<Checkpoint & { readonly signature: Uint8Array }>(
    `SELECT seq, hash, ${epochMs("event_time")} AS "eventAt", ${epochMs("created_at")} AS "createdAt", signature
      FROM journal_checkpoint ORDER BY seq DESC LIMIT 1`,
  );
  if (!row) return undefined;
  const { signature, ...checkpoint } = row;
  if (isSameHash(chain.sign(checkpoint), signature)) return checkpoint;
  const problem = "the checkpoint's signature does not match: it was forged, or STORE_JOURNAL_KEY is another one";
  return { seq: row.seq, problem };
}

export function readRows(sql: Sql, after: number, limit: number): Promise<StoredRow[]> {
  return sql.query<StoredRow>(`SELECT ${JOURNAL_COLUMNS}, hash FROM journal WHERE seq > $1 ORDER BY seq LIMIT $2`, [
    after,
    limit,
  ]);
}

/** What is wrong with the row behind the previous one. */
export async function findDamage(
  sql: Sql,
  chain: Chain,
  previous: JournalHead,
  row: StoredRow,
): Promise<Damage | undefined> {
  const { seq } = row;
  const expected = previous.seq + 1;
  if (seq < expected) return { seq, problem: "it was added: it is below the checkpoint, or there twice" };
  if (seq > expected) {
    return { seq: expected, problem: seq - 1 === expected ? "it is missing" : `rows up to ${seq - 1} are missing` };
  }
  const hash = chain.hash(previous.hash, row);
  if (isSameHash(hash, row.hash)) return undefined;
  // The next row still tells which of them was written.
  const [next] = await readRows(sql, seq, 1);
  const precedes = (hash: Uint8Array) => next !== undefined && isSameHash(chain.hash(hash, next), next.hash);
  if (precedes(row.hash)) return { seq, problem: "it was changed: its hash is that of other values" };
  if (precedes(hash)) return { seq, problem: "its hash was changed" };
  return { seq, problem: "it was changed, added or moved: it does not follow the row before it" };
}
