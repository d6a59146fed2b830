import { type Chain, type Checkpoint, createChain } from "./chain.ts";
import type { Database, Sql } from "./database.ts";
import { epochMs } from "./identity.ts";
import { type Damage, findDamage, readCheckpoint, readRows } from "./verify.ts";

/** What is to be pruned is not as it was written, so that no checkpoint may be signed over it. */
export class JournalBrokenError extends Error {
  override readonly name = "JournalBrokenError";

  constructor({ seq, problem }: Damage) {
    super(`Row ${seq} of the journal: ${problem}. Nothing from it on was pruned`);
  }
}

export interface PrunedRefunds {
  readonly deleted: number;
  /** Settled ones, of which only the keys are left. */
  readonly cleared: number;
}

/** Any fixed number: two prunings wait for each other. Appends wait for none. */
const LOCK = 7_240_118_307;
/** Rows of one transaction. */
const BATCH = 500;

/**
 * Deletes the rows that are older and leaves a signed checkpoint, in many transactions. Verifies them first, and throws a
 * JournalBrokenError at the first that is damaged. Returns how many were deleted. Needs DELETE on `journal` and
 * `journal_checkpoint`, which the service has not.
 */
export async function pruneJournal(database: Database, key: string, olderThanMs: number): Promise<number> {
  const chain = createChain(key);
  for (let total = 0;;) {
    const pruned = await database.transaction((tx) => pruneBatch(tx, chain, olderThanMs));
    total += pruned;
    if (pruned < BATCH) return total;
  }
}

async function pruneBatch(tx: Sql, chain: Chain, olderThanMs: number): Promise<number> {
  await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
  const checkpoint = await readCheckpoint(tx, chain);
  if (!checkpoint) return 0;
  if ("problem" in checkpoint) throw new JournalBrokenError(checkpoint);
  const [{ now }] = await tx.query<{ now: number }>(
    `SELECT ${epochMs("clock_timestamp()::timestamptz(3)")} AS now`,
  );
  let last: Checkpoint = checkpoint;
  const rows = await readRows(tx, checkpoint.seq, BATCH);
  for (const row of rows) {
    // Times never decrease.
    if (row.eventAt >= now - olderThanMs) break;
    const damage = await findDamage(tx, chain, last, row);
    if (damage) throw new JournalBrokenError(damage);
    last = { seq: row.seq, hash: row.hash, eventAt: row.eventAt, createdAt: now };
  }
  if (last === checkpoint) return 0;
  await tx.query(
    `INSERT INTO journal_checkpoint (seq, hash, event_time, created_at, signature)
      VALUES ($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), $5)`,
    [last.seq, last.hash, last.eventAt, last.createdAt, chain.sign(last)],
  );
  await tx.query("DELETE FROM journal WHERE seq <= $1", [last.seq]);
  await tx.query("DELETE FROM journal_checkpoint WHERE seq < $1", [last.seq]);
  return last.seq - checkpoint.seq;
}

/**
 * Rows that nobody needs: not tracked now, no sync without a recorded answer, no notice that no query has answered, no
 * contradiction that nobody has acknowledged, and nothing has happened to them for as long. What has no time at all is kept.
 */
const OLD = `tracking_state IS DISTINCT FROM 'ACTIVE' AND claim IS NULL AND NOT in_doubt AND notice IS NULL
  AND (contradiction IS NULL OR contradiction ->> 'acknowledgedAt' IS NOT NULL)
  AND greatest(last_attempt_at, state_at, synced_at, tracked_at) < clock_timestamp() - $1::float8 * interval '1 millisecond'`;

/**
 * Prunes refunds whose last attempt is older, up to `limit` of each kind.
 *
 * A refund that was verified as SUCCEEDED or CLOSED is never deleted: on DaxPay 3.x another sync of it would book its amount
 * again, and the row is what prevents that. It keeps its keys, its status and `settled`, which hold no personal data; state,
 * evidence, labels and who tracked it are cleared, and so is `final`, since nothing is left to answer from: whoever tracks it
 * again gets its state by a query.
 *
 * The journal is pruned apart: its rows hold their own copy of everything.
 */
export async function pruneRefunds(tx: Sql, olderThanMs: number, limit: number): Promise<PrunedRefunds> {
  const deleted = await tx.query(
    `DELETE FROM refund WHERE id IN (
        SELECT id FROM refund WHERE NOT settled AND ${OLD} ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
      ) RETURNING id`,
    [olderThanMs, limit],
  );
  const cleared = await tx.query(
    `UPDATE refund SET final = false, state = NULL, state_at = NULL, evidence = NULL, unchanged_since = NULL, unchanged_count = 0,
        next_attempt_at = NULL, tracking_state = NULL, labels = NULL, tracked_at = NULL, tracked_by = NULL,
        expires_at = NULL, request = NULL, last_failure = NULL, contradiction = NULL
      WHERE id IN (
        SELECT id FROM refund
        WHERE settled AND (state IS NOT NULL OR evidence IS NOT NULL OR tracking_state IS NOT NULL) AND ${OLD}
        ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
      ) RETURNING id`,
    [olderThanMs, limit],
  );
  return { deleted: deleted.length, cleared: cleared.length };
}

/** Prunes all refunds that are older, in many transactions. */
export async function pruneAllRefunds(database: Database, olderThanMs: number): Promise<PrunedRefunds> {
  let deleted = 0;
  let cleared = 0;
  for (;;) {
    const batch = await database.transaction((tx) => pruneRefunds(tx, olderThanMs, BATCH));
    deleted += batch.deleted;
    cleared += batch.cleared;
    if (batch.deleted < BATCH && batch.cleared < BATCH) return { deleted, cleared };
  }
}

/** Forgets notices that were received longer ago. */
export async function pruneNotices(sql: Sql, olderThanMs: number): Promise<void> {
  await sql.query("DELETE FROM notice WHERE received_at < now() - make_interval(secs => $1)", [olderThanMs / 1000]);
}
