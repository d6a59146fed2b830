import type { Booked, SharedBudget } from "../refund/shared-budget.ts";
import type { Database } from "../store/database.ts";

export interface BudgetOptions {
  /** Name of the row: what shares a rate. */
  readonly account: string;
  /** Number of replicas, as last observed. */
  readonly replicas: () => number;
}

const BOOK = `SELECT granted_callers AS callers, granted_background AS background, callers_in_ms AS "callersInMs",
    background_in_ms AS "backgroundInMs", paused_ms AS "pausedMs"
  FROM book_requests($1, $2, $3, $4, $5, $6, $7, $8::float8[], $9, $10::int4[], $11::int4[], $12)`;

/**
 * One account's requests to DaxPay, booked in one row by all replicas. Only durations pass between the clocks. Throws a
 * StoreUnavailableError.
 */
export function createBudget(database: Database, { account, replicas }: BudgetOptions): SharedBudget {
  return {
    async book(holder, { limit, sinceLastMs, held, sentAgoMs, unusedBackground, callers, background, pauseMs }) {
      const { capacity, backgroundCapacity, windowMs } = limit;
      const [booked] = await database.query<Booked>(BOOK, [
        account,
        holder,
        capacity,
        backgroundCapacity,
        Math.ceil(windowMs),
        sinceLastMs === undefined ? null : Math.ceil(sinceLastMs),
        held,
        sentAgoMs,
        unusedBackground,
        callers,
        background,
        Math.ceil(pauseMs),
      ]);
      return booked;
    },
    replicas,
  };
}
