import type { Clock } from "./clock.ts";

/** Syncs that were sent and not answered: until they are settled, DaxPay may still be processing them. */
export interface Doubts {
  /** Marks the key in doubt because of a sync of the refund, at most until the given Clock.elapsed time. */
  add(key: string, refundNo: string, until: number): void;
  /** A verified query has reported the refund as SUCCEEDED or CLOSED: returns whether that settles a doubt. */
  settle(key: string, refundNo: string): boolean;
  /** Milliseconds until a sync may be sent; 0 where nothing is in doubt. */
  remainingMs(key: string): number;
  size(): number;
}

interface Doubt {
  readonly refundNo: string;
  readonly until: number;
}

/** A doubt that no query settles ends when DaxPay cannot be processing the sync any longer. */
export function createDoubts(clock: Clock): Doubts {
  const doubts = new Map<string, Doubt>();

  /** Refunds that nobody requests again leave nothing behind. */
  function expire(): void {
    const now = clock.elapsed();
    for (const [key, { until }] of doubts) {
      if (until <= now) doubts.delete(key);
    }
  }

  return {
    add(key, refundNo, until) {
      doubts.set(key, { refundNo, until });
      expire();
    },
    settle(key, refundNo) {
      return doubts.get(key)?.refundNo === refundNo && doubts.delete(key);
    },
    remainingMs(key) {
      return Math.max(0, (doubts.get(key)?.until ?? 0) - clock.elapsed());
    },
    size() {
      expire();
      return doubts.size;
    },
  };
}
