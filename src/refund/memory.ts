import QuickLRU from "quick-lru";
import { isSettled, type RefundState } from "./state.ts";

/** What this process knows of refunds from verified replies. */
export interface RefundMemory {
  /**
   * Records a verified state, and returns it with `unchangedSince`. Calls back where it contradicts an earlier SUCCEEDED or
   * CLOSED.
   */
  record(key: string, state: RefundState, onConflict: OnConflict): RefundState;
  /** Whether the refund was ever verified as SUCCEEDED or CLOSED, so that it must not be synced again. */
  isSettled(key: string): boolean;
}

type OnConflict = (before: RefundState, after: RefundState) => void;

const MAX_STATES = 10_000;
const MAX_SUCCEEDED = 100_000;

interface Seen {
  readonly state: RefundState;
  readonly since: number;
}

/**
 * Closed refunds are never evicted: after `close` DaxPay 3.x can report `fail` again, and a sync would then book the amount
 * a second time. They are rare. A succeeded one that is evicted is still protected by the query. `now` is in epoch
 * milliseconds.
 */
export function createRefundMemory(now: () => number): RefundMemory {
  const last = new QuickLRU<string, Seen>({ maxSize: MAX_STATES });
  const settled = new QuickLRU<string, RefundState>({ maxSize: MAX_SUCCEEDED });
  const closed = new Map<string, RefundState>();

  return {
    record(key, state, onConflict) {
      const before = closed.get(key) ?? settled.get(key);
      const seen = last.get(key);
      // Once for each change, not with every query.
      if (before && before.status !== state.status && seen?.state.status !== state.status) onConflict(before, state);
      if (isSettled(state.status)) (state.status === "CLOSED" ? closed : settled).set(key, state);
      if (seen?.state.status === state.status) {
        last.set(key, { state, since: seen.since });
        return { ...state, unchangedSince: seen.since };
      }
      last.set(key, { state, since: now() });
      return state;
    },
    isSettled: (key) => closed.has(key) || settled.has(key),
  };
}
