import { createHash } from "node:crypto";
import type { Status } from "../refund/state.ts";
import type { Database, Sql } from "../store/database.ts";
import { notifyRefund } from "../store/notifications.ts";
import { updateRefund } from "../store/refunds.ts";
import type { Jobs } from "./jobs.ts";
import type { RecordedAccount, Records } from "./records.ts";
import type { FullRow } from "./transition.ts";

/** A verified notice of DaxPay about a refund. */
export interface RefundNotice {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly status: Status;
  /** What tells it from other notices about the refund, for example its signed time. */
  readonly id: string;
}

/** What became of a notice. */
export type NoticeResult = "accepted" | "repeated" | "untracked";

export interface NoticesOptions {
  readonly database: Database;
  readonly records: Records;
  readonly jobs: Jobs;
  readonly checkStore: (sql: Sql) => Promise<void>;
}

/**
 * Wakes a tracked refund: its state is queried, never synced, because of a notice. Where the release has no query, the next
 * attempt is made as soon as it may be. Resolves when that is committed; throws like Database.
 */
export type AcceptNotice = (account: RecordedAccount, notice: RefundNotice, canQuery: boolean) => Promise<NoticeResult>;

export function createNotices({ database, records, jobs, checkStore }: NoticesOptions): AcceptNotice {
  return async (account, notice, canQuery) => {
    const merchantId = await records.merchantIdOf(account);
    return await database.transaction(async (tx): Promise<NoticeResult> => {
      await checkStore(tx);
      // Not the body's: one with other white space has the same signature.
      const { refundNo, status, id } = notice;
      const hash = createHash("sha256").update(JSON.stringify([account.name, refundNo, status, id])).digest();
      const inserted = await tx.query(
        "INSERT INTO notice (hash) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1 AS inserted",
        [hash],
      );
      if (inserted.length === 0) return "repeated";
      const row = await find(tx, merchantId, account, notice);
      if (!row) return "untracked";
      const now = row.now.getTime();
      const mayAttemptAt = (row.last_attempt_at?.getTime() ?? 0) + (row.state?.nextSyncDelayMs ?? 0);
      const dueAt = new Date(canQuery ? now : Math.max(now, mayAttemptAt));
      const active = row.tracking_state === "ACTIVE";
      // Without a query nothing can be learned of a refund that is not followed any longer.
      if (!canQuery && !active) return "accepted";
      const pending = { status: notice.status, receivedAt: now, tries: 0 };
      await updateRefund(tx, row.id, {
        next_attempt_at: dueAt,
        ...(canQuery ? { notice: JSON.stringify(pending) } : {}),
      });
      await jobs.move(tx, { id: row.id, account: row.account }, dueAt);
      await notifyRefund(tx, row.id);
      return "accepted";
    });
  };
}

async function find(
  tx: Sql,
  merchantId: number,
  { appId }: RecordedAccount,
  { refundNo, bizRefundNo }: RefundNotice,
): Promise<FullRow | undefined> {
  const [row] = await tx.query<FullRow>(
    `SELECT refund.*, clock_timestamp() AS now FROM refund WHERE merchant_id = $1 AND tracking_state IS NOT NULL AND
       (refund_no = $3 OR (refund_no IS NULL AND app_id = $2 AND biz_refund_no = $4))
     ORDER BY id LIMIT 1 FOR UPDATE`,
    [merchantId, appId, refundNo, bizRefundNo],
  );
  return row;
}
