/** When a watch makes its attempts. */
export interface ScheduleOptions {
  /** Milliseconds between attempts; the last repeats. */
  readonly waits: readonly [number, ...number[]];
  /** Jitter as a fraction of each delay, 0 to 1. */
  readonly jitter: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Milliseconds between the given attempt (from 1) and the next, never less than `minDelayMs`. */
export function nextDelay(attempt: number, minDelayMs: number, { waits, jitter, random }: ScheduleOptions): number {
  const delay = waits[Math.min(attempt, waits.length) - 1];
  return Math.max(minDelayMs, Math.round(delay * (1 + jitter * (2 * random() - 1))));
}
