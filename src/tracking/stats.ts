import type { Database } from "../store/database.ts";

/** The present state of one account's tracked refunds. Ages are seconds by the database's clock. */
export interface AccountTrackingStats {
  readonly account: string;
  /** Refunds whose next attempt is due. */
  readonly due: number;
  /** How long the refund has waited whose attempt is most overdue. */
  readonly lagSeconds: number;
  /** Refunds with a sync that was begun and not answered. */
  readonly inDoubt: number;
  readonly byStatus: readonly { readonly status: string; readonly refunds: number; readonly oldestSeconds: number }[];
}

interface Row {
  readonly account: string;
  readonly status: string;
  readonly refunds: number;
  readonly oldest: number;
  readonly due: number;
  readonly lag: number;
  readonly in_doubt: number;
}

/** One pass over the refunds that are followed; it takes a while where there are many. */
const STATS = `SELECT account, COALESCE(status, 'NONE') AS status, count(*) AS refunds,
    EXTRACT(epoch FROM clock_timestamp() - min(tracked_at))::float8 AS oldest,
    count(*) FILTER (WHERE next_attempt_at <= clock_timestamp()) AS due,
    GREATEST(EXTRACT(epoch FROM clock_timestamp() - min(next_attempt_at)), 0)::float8 AS lag,
    count(*) FILTER (WHERE claim IS NOT NULL AND (in_doubt OR claimed_at < clock_timestamp() - interval '1 minute'))
      AS in_doubt
  FROM refund WHERE tracking_state = 'ACTIVE' GROUP BY account, status`;

export async function readTrackingStats(database: Database): Promise<AccountTrackingStats[]> {
  const rows = await database.query<Row>(STATS);
  const accounts = Map.groupBy(rows, ({ account }) => account);
  return [...accounts].map(([account, of]) => ({
    account,
    due: sum(of, "due"),
    lagSeconds: Math.max(...of.map(({ lag }) => lag ?? 0)),
    inDoubt: sum(of, "in_doubt"),
    byStatus: of.map(({ status, refunds, oldest }) => ({ status, refunds, oldestSeconds: oldest })),
  }));
}

function sum(rows: readonly Row[], name: "due" | "in_doubt"): number {
  return rows.reduce((total, row) => total + row[name], 0);
}
