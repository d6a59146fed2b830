import type { Clock } from "../../src/refund/clock.ts";

export interface ManualClock extends Clock {
  /** Moves time on; everything that falls due runs, in order, each with the work that it sets off. */
  advance(ms: number): Promise<void>;
  /** How much waits for its time. */
  pendingTimers(): number;
}

/** A clock that stands still until it is moved. */
export function createManualClock(start = 0): ManualClock {
  let now = start;
  const sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();
  return {
    now: () => now,
    elapsed: () => now,
    after(ms, wake) {
      const sleeper = { due: now + ms, wake };
      sleepers.add(sleeper);
      return () => void sleepers.delete(sleeper);
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const [next] = [...sleepers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
        if (!next) break;
        now = Math.max(now, next.due);
        sleepers.delete(next);
        next.wake();
        await settle();
      }
      now = end;
    },
    pendingTimers: () => sleepers.size,
  };
}

/** Lets everything run that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
