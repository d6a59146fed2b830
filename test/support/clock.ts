import type { Clock } from "../../src/refund/clock.ts";

export interface ManualClock extends Clock {
  /** Passes time; timers that fall due run in order, each with the work that it sets off. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock forward, or back where negative. No time passes. */
  setWallClock(byMs: number): void;
  pendingTimers(): number;
}

/** A clock that stands still until time is passed. */
export function createManualClock(): ManualClock {
  let now = 0;
  let offset = 0;
  const timers = new Set<{ readonly due: number; readonly work: () => void }>();
  return {
    now: () => now + offset,
    elapsed: () => now,
    after(ms, work) {
      // The system's timers warn about it on standard error.
      if (!(ms >= 0)) throw new RangeError(`Expected a delay of 0 ms or more, got ${ms}`);
      const timer = { due: now + ms, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms) {
      const end = now + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
        if (!next) break;
        now = Math.max(now, next.due);
        timers.delete(next);
        next.work();
        await settle();
      }
      now = end;
    },
    setWallClock: (byMs) => void (offset += byMs),
    pendingTimers: () => timers.size,
  };
}

/** Runs everything that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
