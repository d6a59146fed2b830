import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { nextDelay, type ScheduleOptions } from "./schedule.ts";
import type { Caller } from "./single-flight.ts";
import type { RefundState } from "./state.ts";
import { Subscription } from "./subscription.ts";

/** One attempt of a watch. */
export interface Attempt {
  /** From 1. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly observedAt: number;
  readonly outcome: Outcome;
}

export interface Watches {
  /**
   * Yields the outcome of every attempt until a state is final. Throws a failure that is not retryable after yielding it,
   * the signal's reason when that aborts, and DEADLINE_EXCEEDED after a day. Callers with the same key share one schedule,
   * which starts at once; a late one starts with the last outcome.
   */
  watch(key: string, signal: AbortSignal, sync: (caller: Caller) => Promise<RefundState>): AsyncGenerator<Attempt>;
  watchers(): number;
  /** Clock.elapsed of the start of the oldest watch. */
  oldestStartedAt(): number | undefined;
}

/** Milliseconds that one attempt may take, its time in the queue included. */
const ATTEMPT_TIMEOUT_MS = 60_000;
const WATCH_TIMEOUT_MS = 24 * 3600 * 1000;

/** One schedule and its subscribers. */
interface Watch {
  readonly key: string;
  readonly sync: (caller: Caller) => Promise<RefundState>;
  readonly startedAt: number;
  /** Each with its deadline by Clock.elapsed, the oldest first. */
  readonly subscribers: Map<Subscription<Attempt>, number>;
  last: Attempt | undefined;
  /** Ends the attempt in progress, or cancels the next one. */
  cancel: () => void;
}

export function createWatches(clock: Clock, schedule: ScheduleOptions): Watches {
  const watches = new Map<string, Watch>();

  function start(key: string, sync: (caller: Caller) => Promise<RefundState>): Watch {
    const watch: Watch = {
      key,
      sync,
      startedAt: clock.elapsed(),
      subscribers: new Map(),
      last: undefined,
      cancel: () => {},
    };
    watches.set(key, watch);
    attempt(watch);
    return watch;
  }

  /** Makes one attempt. What it needs is released when it is over: most of the time a watch only waits. */
  async function attempt(watch: Watch): Promise<void> {
    const abort = new AbortController();
    watch.cancel = () => abort.abort();
    try {
      const outcome = await outcomeOf(watch.sync({ signal: abort.signal, timeoutMs: ATTEMPT_TIMEOUT_MS }));
      if (!abort.signal.aborted) publish(watch, outcome);
    } catch (error) {
      if (!abort.signal.aborted) end(watch, error);
    }
  }

  /** Sends the outcome to every subscriber, and schedules the next attempt unless this one was the last. */
  function publish(watch: Watch, outcome: Outcome): void {
    const number = (watch.last?.attempt ?? 0) + 1;
    watch.last = { attempt: number, observedAt: clock.now(), outcome };
    for (const subscriber of watch.subscribers.keys()) subscriber.push(watch.last);
    const failed = outcome instanceof DaxPayFailure;
    const minDelayMs = failed ? outcome.retryDelayMs : outcome.nextSyncDelayMs;
    if (minDelayMs === undefined) end(watch, failed ? outcome : undefined);
    else wait(watch, nextDelay(number, minDelayMs, schedule));
  }

  /** Makes the next attempt after the given milliseconds, and ends subscribers whose deadline expires before. */
  function wait(watch: Watch, ms: number): void {
    const [[oldest, deadline]] = watch.subscribers;
    const leftMs = Math.max(0, deadline - clock.elapsed());
    if (leftMs > ms) {
      watch.cancel = clock.after(ms, () => attempt(watch));
      return;
    }
    watch.cancel = clock.after(leftMs, () => {
      oldest.end(new DaxPayFailure("DEADLINE_EXCEEDED", "Watch exceeded its 24 h limit"));
      if (watch.subscribers.size > 0) wait(watch, ms - leftMs);
    });
  }

  function end(watch: Watch, error?: unknown): void {
    watches.delete(watch.key);
    for (const subscriber of watch.subscribers.keys()) subscriber.end(error);
  }

  function unsubscribe(watch: Watch, subscriber: Subscription<Attempt>): void {
    watch.subscribers.delete(subscriber);
    if (watch.subscribers.size === 0 && watches.delete(watch.key)) watch.cancel();
  }

  return {
    watch(key, signal, sync) {
      signal.throwIfAborted();
      const watch = watches.get(key) ?? start(key, sync);
      const subscriber: Subscription<Attempt> = new Subscription(signal, () => unsubscribe(watch, subscriber));
      watch.subscribers.set(subscriber, clock.elapsed() + WATCH_TIMEOUT_MS);
      if (watch.last) subscriber.push(watch.last);
      return subscriber;
    },
    watchers: () => [...watches.values()].reduce((sum, watch) => sum + watch.subscribers.size, 0),
    oldestStartedAt: () => watches.values().next().value?.startedAt,
  };
}
