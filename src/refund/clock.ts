import { unlessAborted } from "../util/abort.ts";
import { systemTimers, type Timers } from "../util/timers.ts";

/** Time as the domain sees it; tests bring their own. */
export interface Clock extends Timers {
  /** Wall clock in epoch milliseconds: only for times that leave the process. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary start: for durations, deadlines and rates. */
  elapsed(): number;
}

export const systemClock: Clock = {
  ...systemTimers,
  now: () => Date.now(),
  elapsed: () => performance.now(),
};

/** Resolves after the given milliseconds; rejects with the signal's reason when that aborts first. */
export async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  await unlessAborted(signal, promise).finally(cancel);
}
