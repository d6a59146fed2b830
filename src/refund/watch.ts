import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { nextDelay, type ScheduleOptions } from "./schedule.ts";
import type { KnownRefund } from "./shared.ts";
import { AbortedDuringSyncError, type Caller } from "./single-flight.ts";
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

/** How a watch makes its attempts. */
export interface WatchedSync {
  sync(caller: Caller, attempt: number): Promise<RefundState>;
  /** What is known from attempts of others; undefined: nothing. */
  find(): Promise<KnownRefund | undefined>;
  /** Whether the attempt in progress has sent a sync. */
  isSyncing(): boolean;
}

export interface Watches {
  /**
   * Yields the outcome of every attempt until a state is final. Throws a failure that is not retryable after yielding it,
   * the signal's reason or an AbortedDuringSyncError when that aborts, and DEADLINE_EXCEEDED after a day. Callers with the same key share one schedule,
   * which starts at once; a late one starts with the last outcome. The schedule outlives its callers until the next attempt
   * is due: who reconnects earlier continues it, so that a connection that breaks often causes no requests.
   */
  watch(key: string, signal: AbortSignal, attempts: WatchedSync): AsyncGenerator<Attempt>;
  watchers(): number;
  /** Clock.elapsed of the start of the oldest watch. */
  oldestStartedAt(): number | undefined;
}

/** Milliseconds that one attempt may take, its time in the queue included. */
const ATTEMPT_TIMEOUT_MS = 60_000;
const WATCH_TIMEOUT_MS = 24 * 3600 * 1000;
/** Milliseconds that whoever tracks the refund has for an attempt that is due before a watch makes it. */
const TRACKED_GRACE_MS = 3_000;
/** Schedules that are kept without subscribers. */
const MAX_IDLE = 10_000;

/** One schedule and its subscribers. */
interface Watch {
  readonly key: string;
  readonly attempts: WatchedSync;
  readonly startedAt: number;
  /** Each with its deadline by Clock.elapsed, the oldest first. */
  readonly subscribers: Map<Subscription<Attempt>, number>;
  last: Attempt | undefined;
  /** Clock.elapsed of the next attempt; undefined during an attempt. */
  nextAt: number | undefined;
  /** Ends the attempt in progress, or cancels the timer. */
  cancel: () => void;
}

/** Whether another one, perhaps before a restart, has made an attempt, so that the next is not due yet. */
function isOthers(watch: Watch, { attempts, dueInMs, tracked }: KnownRefund): boolean {
  return dueInMs > 0 || (tracked && attempts > (watch.last?.attempt ?? 0));
}

export function createWatches(clock: Clock, schedule: ScheduleOptions): Watches {
  const watches = new Map<string, Watch>();
  /** Those without subscribers, in the order in which they lost the last one. */
  const idle = new Set<Watch>();

  function start(key: string, attempts: WatchedSync): Watch {
    const watch: Watch = {
      key,
      attempts,
      startedAt: clock.elapsed(),
      subscribers: new Map(),
      last: undefined,
      nextAt: undefined,
      cancel: () => {},
    };
    watches.set(key, watch);
    attempt(watch);
    return watch;
  }

  /** Makes one attempt. What it needs is released when it is over: most of the time a watch only waits. */
  async function attempt(watch: Watch): Promise<void> {
    watch.nextAt = undefined;
    const abort = new AbortController();
    watch.cancel = () => abort.abort();
    try {
      const known = await watch.attempts.find();
      if (abort.signal.aborted) return;
      const last = Math.max(watch.last?.attempt ?? 0, known?.attempts ?? 0);
      if (known?.state && isOthers(watch, known)) {
        publish(watch, last, known.state, known.dueInMs + (known.tracked ? TRACKED_GRACE_MS : 0));
        return;
      }
      const caller = { signal: abort.signal, timeoutMs: ATTEMPT_TIMEOUT_MS };
      const outcome = await outcomeOf(watch.attempts.sync(caller, last + 1));
      if (abort.signal.aborted) return;
      const failed = outcome instanceof DaxPayFailure;
      const minDelayMs = failed ? outcome.retryDelayMs : outcome.nextSyncDelayMs;
      publish(
        watch,
        last + 1,
        outcome,
        minDelayMs === undefined ? undefined : nextDelay(last + 1, minDelayMs, schedule),
      );
    } catch (error) {
      if (!abort.signal.aborted) end(watch, error);
    }
  }

  /** Sends the outcome to every subscriber, and schedules the next attempt unless this one was the last. */
  function publish(watch: Watch, attempt: number, outcome: Outcome, delayMs: number | undefined): void {
    // What others have found out may be what was published before.
    if (attempt !== watch.last?.attempt) {
      watch.last = { attempt, observedAt: clock.now(), outcome };
      for (const subscriber of watch.subscribers.keys()) subscriber.push(watch.last);
    }
    if (delayMs === undefined) return end(watch, outcome instanceof DaxPayFailure ? outcome : undefined);
    watch.nextAt = clock.elapsed() + delayMs;
    wait(watch, watch.nextAt);
  }

  /** Makes the next attempt when it is due, and ends subscribers whose deadline expires before. */
  function wait(watch: Watch, nextAt: number): void {
    const [oldest] = watch.subscribers;
    if (!oldest) {
      watch.cancel = clock.after(Math.max(0, nextAt - clock.elapsed()), () => drop(watch));
      return;
    }
    const [subscriber, deadline] = oldest;
    if (deadline > nextAt) {
      watch.cancel = clock.after(Math.max(0, nextAt - clock.elapsed()), () => attempt(watch));
      return;
    }
    watch.cancel = clock.after(Math.max(0, deadline - clock.elapsed()), () => {
      subscriber.end(new DaxPayFailure("DEADLINE_EXCEEDED", "Watch exceeded its 24 h limit"));
      if (watch.subscribers.size > 0) wait(watch, nextAt);
    });
  }

  function end(watch: Watch, error?: unknown): void {
    watches.delete(watch.key);
    for (const subscriber of watch.subscribers.keys()) subscriber.end(error);
  }

  function unsubscribe(watch: Watch, subscriber: Subscription<Attempt>): void {
    watch.subscribers.delete(subscriber);
    if (watch.subscribers.size > 0 || watches.get(watch.key) !== watch) return;
    if (watch.nextAt === undefined) return drop(watch);
    watch.cancel();
    wait(watch, watch.nextAt);
    idle.add(watch);
    if (idle.size > MAX_IDLE) { for (const oldest of idle) return drop(oldest); }
  }

  function drop(watch: Watch): void {
    watch.cancel();
    watches.delete(watch.key);
    idle.delete(watch);
  }

  return {
    watch(key, signal, attempts) {
      signal.throwIfAborted();
      const watch = watches.get(key) ?? start(key, attempts);
      const subscriber: Subscription<Attempt> = new Subscription(
        signal,
        () => unsubscribe(watch, subscriber),
        (reason) => watch.attempts.isSyncing() ? new AbortedDuringSyncError(reason) : reason,
      );
      watch.subscribers.set(subscriber, clock.elapsed() + WATCH_TIMEOUT_MS);
      if (watch.last) subscriber.push(watch.last);
      if (idle.delete(watch) && watch.nextAt !== undefined) {
        watch.cancel();
        wait(watch, watch.nextAt);
      }
      return subscriber;
    },
    watchers: () => [...watches.values()].reduce((sum, watch) => sum + watch.subscribers.size, 0),
    oldestStartedAt: () => watches.values().find(({ subscribers }) => subscribers.size > 0)?.startedAt,
  };
}
