/** When a watch asks again. */
export interface ScheduleOptions {
  /** Milliseconds between attempts; the last repeats. */
  readonly waits: readonly [number, ...number[]];
  /** Each wait is spread by up to this part of itself, 0 to 1. */
  readonly jitter: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Milliseconds to wait after the given attempt (from 1), but no less than `least`. */
export function nextDelay(attempt: number, least: number, { waits, jitter, random }: ScheduleOptions): number {
  const wait = waits[Math.min(attempt, waits.length) - 1];
  return Math.max(least, Math.round(spread(wait, jitter, random)));
}

/** The milliseconds, more or less by up to the given part. */
function spread(ms: number, jitter: number, random: () => number): number {
  return ms * (1 + jitter * (2 * random() - 1));
}
