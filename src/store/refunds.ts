import type { Sql } from "./database.ts";

/** What names a refund's row. A number is empty where it is not known. */
export interface RefundKey {
  readonly merchantId: number;
  readonly account: string;
  readonly appId: string;
  readonly refundNo: string;
  /** Of the application; only where a signed reply, or nothing else, names the refund. */
  readonly bizRefundNo: string;
}

/** The columns of `refund` by which its row is found and claimed. */
export interface LockedRow {
  readonly id: number;
  readonly refund_no: string | null;
  readonly biz_refund_no: string | null;
  /** The database's clock. */
  readonly now: Date;
}

/** Returns the id of the merchant's row, which it makes where there is none. */
export async function merchantId(sql: Sql, server: string, mchNo: string): Promise<number> {
  for (;;) {
    const [row] = await sql.query<{ id: number }>("SELECT id FROM merchant WHERE server = $1 AND mch_no = $2", [
      server,
      mchNo,
    ]);
    if (row) return row.id;
    await sql.query("INSERT INTO merchant (server, mch_no) VALUES ($1, $2) ON CONFLICT DO NOTHING", [server, mchNo]);
  }
}

/**
 * Locks the refund's row until the transaction ends, with all columns; makes one where there is none. A row that was made
 * by the bizRefundNo alone becomes the refund's own when a signed reply names both numbers, or is merged into it;
 * `tookOver`: with its tracking.
 */
export async function lockRefund<R extends LockedRow>(
  tx: Sql,
  key: RefundKey,
): Promise<{ readonly row: R; readonly tookOver: boolean }> {
  for (let tookOver = false;;) {
    const rows = await findRows<R>(tx, key);
    const named = rows.find(({ refund_no }) => key.refundNo !== "" && refund_no === key.refundNo);
    const byBiz = rows.find(({ id, biz_refund_no }) =>
      id !== named?.id && key.bizRefundNo !== "" && biz_refund_no === key.bizRefundNo
    );
    if (named && byBiz && byBiz.refund_no === null) {
      tookOver = await mergeRows(tx, byBiz.id, named.id, key.bizRefundNo);
      continue;
    }
    if (named) {
      if (named.biz_refund_no !== null || key.bizRefundNo === "" || byBiz) return { row: named, tookOver };
      await tx.query("UPDATE refund SET app_id = $2, biz_refund_no = $3 WHERE id = $1", [
        named.id,
        key.appId,
        key.bizRefundNo,
      ]);
      continue;
    }
    if (byBiz && (key.refundNo === "" || byBiz.refund_no === null)) {
      if (key.refundNo === "") return { row: byBiz, tookOver };
      await tx.query("UPDATE refund SET refund_no = $2 WHERE id = $1", [byBiz.id, key.refundNo]);
      continue;
    }
    // A bizRefundNo that already names another refund stays with that one.
    await tx.query(
      `INSERT INTO refund (merchant_id, account, app_id, refund_no, biz_refund_no)
       VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, '')) ON CONFLICT DO NOTHING`,
      [key.merchantId, key.account, key.appId, key.refundNo, byBiz ? "" : key.bizRefundNo],
    );
  }
}

/** The refund's rows, locked: one by each of its numbers. */
async function findRows<R>(tx: Sql, { merchantId, appId, refundNo, bizRefundNo }: RefundKey): Promise<R[]> {
  return await tx.query<R & object>(
    `SELECT refund.*, clock_timestamp() AS now FROM refund
     WHERE (merchant_id = $1 AND refund_no = NULLIF($3, ''))
        OR (merchant_id = $1 AND app_id = $2 AND biz_refund_no = NULLIF($4, ''))
     ORDER BY id FOR UPDATE`,
    [merchantId, appId, refundNo, bizRefundNo],
  );
}

/**
 * Moves the tracking of one row to another, unless that one has its own which goes on or is another account's, and removes
 * the first. Returns whether it moved.
 */
async function mergeRows(tx: Sql, from: number, to: number, bizRefundNo: string): Promise<boolean> {
  const [row] = await tx.query<{ app_id: string }>("SELECT app_id FROM refund WHERE id = $1", [from]);
  const moved = await tx.query(
    `UPDATE refund AS target SET
       account = source.account, tracking_state = source.tracking_state,
       labels = COALESCE(target.labels, '{}') || source.labels,
       tracked_at = source.tracked_at, tracked_by = source.tracked_by, expires_at = source.expires_at,
       request = source.request, last_failure = source.last_failure, attempts = source.attempts,
       next_attempt_at = source.next_attempt_at, notice = COALESCE(source.notice, target.notice)
     FROM refund AS source
     WHERE target.id = $2 AND source.id = $1 AND source.tracking_state IS NOT NULL AND (target.tracking_state IS NULL
       OR (source.tracking_state = 'ACTIVE' AND target.tracking_state <> 'ACTIVE' AND target.account = source.account))
     RETURNING target.id`,
    [from, to],
  );
  await tx.query(
    `UPDATE refund AS target SET labels = target.labels || source.labels
     FROM refund AS source WHERE target.id = $2 AND source.id = $1 AND target.labels <> source.labels`,
    [from, to],
  );
  await tx.query("DELETE FROM refund WHERE id = $1", [from]);
  await tx.query("UPDATE refund SET app_id = $2, biz_refund_no = $3 WHERE id = $1", [to, row.app_id, bizRefundNo]);
  return moved.length > 0;
}

/** Two claims of refunds of one payment order wait for each other until the first transaction ends. */
export async function lockOrder(tx: Sql, merchantId: number, orderNo: string): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock($1, hashtext($2))", [merchantId, orderNo]);
}

/** A sync that was begun and whose answer is not recorded. */
export interface OpenClaim {
  readonly id: number;
  readonly claim: string;
  /** Whether the replica that sent it has given up waiting for the answer. */
  readonly in_doubt: boolean;
}

/** The claims of the other refunds of a payment order. */
export async function orderClaims(tx: Sql, merchantId: number, orderNo: string, id: number): Promise<OpenClaim[]> {
  return await tx.query<OpenClaim>(
    `SELECT id, claim, in_doubt FROM refund
     WHERE merchant_id = $1 AND order_no = $2 AND claim IS NOT NULL AND id <> $3`,
    [merchantId, orderNo, id],
  );
}

/** All claims, at most `limit`, with the accounts of their refunds. */
export async function openClaims(sql: Sql, limit: number): Promise<(OpenClaim & { readonly account: string })[]> {
  return await sql.query(
    "SELECT id, account, claim, in_doubt FROM refund WHERE claim IS NOT NULL ORDER BY claimed_at LIMIT $1",
    [limit],
  );
}

/** Which row: by refundNo, or by bizRefundNo where that is empty. */
export type RefundNumbers = Omit<RefundKey, "account">;

/** The refund's row by the number that decides, with all columns; undefined where there is none. */
export async function findRefund<R extends LockedRow>(
  sql: Sql,
  { merchantId, appId, refundNo, bizRefundNo }: RefundNumbers,
  lock: "FOR UPDATE" | "" = "",
): Promise<R | undefined> {
  const [row] = await sql.query<R>(
    `SELECT refund.*, clock_timestamp() AS now FROM refund WHERE merchant_id = $1 AND
       CASE WHEN $3 <> '' THEN refund_no = $3 ELSE app_id = $2 AND biz_refund_no = $4 END ${lock}`,
    [merchantId, appId, refundNo, bizRefundNo],
  );
  return row;
}

/** Locks a row until the transaction ends, with all columns; undefined where it is gone. */
export async function lockRefundById<R extends LockedRow>(tx: Sql, id: number): Promise<R | undefined> {
  const [row] = await tx.query<R>(
    "SELECT refund.*, clock_timestamp() AS now FROM refund WHERE id = $1 FOR UPDATE",
    [id],
  );
  return row;
}

/** Ends a claim, unless another one has taken its place. */
export async function endClaim(sql: Sql, id: number, claim: string): Promise<void> {
  await sql.query("UPDATE refund SET claim = NULL, in_doubt = false WHERE id = $1 AND claim = $2", [id, claim]);
}

export async function beginClaim(tx: Sql, id: number, claim: string, orderNo: string | undefined): Promise<void> {
  await tx.query(
    `UPDATE refund SET claim = $2, claimed_at = clock_timestamp(), in_doubt = false, order_no = COALESCE($3, order_no)
     WHERE id = $1`,
    [id, claim, orderNo ?? null],
  );
}

/** Sets columns of one row. */
export async function updateRefund(tx: Sql, id: number, columns: Readonly<Record<string, unknown>>): Promise<void> {
  const names = Object.keys(columns);
  if (names.length === 0) return;
  const assignments = names.map((name, index) => `${name} = $${index + 2}`).join(", ");
  await tx.query(`UPDATE refund SET ${assignments} WHERE id = $1`, [id, ...Object.values(columns)]);
}
