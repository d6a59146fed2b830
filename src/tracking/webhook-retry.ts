const FIRST_MS = 5_000;
const LONGEST_MS = 6 * 3_600_000;
/** The first one and 18 retries: about two days. */
export const MAX_ATTEMPTS = 19;

/** Milliseconds until the next attempt after that many: twice as long each time, plus up to as much again. `random` is from 0 to 1. */
export function retryDelayMs(attempts: number, random = Math.random()): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 16) * (1 + random));
}

/** The receiver may ask for a later attempt than that, within bounds. */
export function delayWithRetryAfter(delayMs: number, retryAfterMs = 0): number {
  return Math.max(delayMs, Math.min(LONGEST_MS, retryAfterMs));
}
