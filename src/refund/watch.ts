import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";
import type { Caller } from "./single-flight.ts";
import { nextDelay, type ScheduleOptions } from "./schedule.ts";
import { Subscription } from "./subscription.ts";
import type { RefundState, Status } from "./state.ts";

/** What one attempt of a watch learned: a state, or why there is none. */
export interface Attempt {
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly observeTime: number;
  readonly outcome: RefundState | DaxPayFailure;
}

export interface Watches {
  /**
   * Yields the outcome of every attempt until a state is final. Throws a failure that repeating will not help after
   * yielding it, the signal's reason when that aborts, and a TimeoutError after a day. Callers of one key share one
   * schedule, which begins at once; a late one begins with the last outcome.
   */
  watch(key: string, signal: AbortSignal, sync: (caller: Caller) => Promise<RefundState>): AsyncGenerator<Attempt>;
  /** How many callers follow. */
  watchers(): number;
  /** When the oldest watch that is still going began, in milliseconds since 1970. */
  oldestStartedAt(): number | undefined;
}

/** Milliseconds that one attempt may wait in line and for DaxPay. */
const ATTEMPT_TIMEOUT_MS = 60_000;
/** Milliseconds that a caller may follow. */
const WATCH_TIMEOUT_MS = 24 * 3600 * 1000;
/** So many more syncs must say the same before a soft state counts as final. */
const CONFIRMATIONS = 3;

/** One schedule and those who follow it. */
interface Watch {
  readonly key: string;
  readonly sync: (caller: Caller) => Promise<RefundState>;
  readonly startedAt: number;
  /** Who follows, and until when, in milliseconds since 1970; who came first stands first. */
  readonly subscribers: Map<Subscription<Attempt>, number>;
  last: Attempt | undefined;
  /** What the last sync said, and how many before it in a row. */
  status: Status | undefined;
  repeats: number;
  /** Ends the attempt that is under way, or takes back the next one. */
  cancel: () => void;
}

export function createWatches(clock: Clock, schedule: ScheduleOptions): Watches {
  const watches = new Map<string, Watch>();

  function start(key: string, sync: (caller: Caller) => Promise<RefundState>): Watch {
    const watch: Watch = {
      key,
      sync,
      startedAt: clock.now(),
      subscribers: new Map(),
      last: undefined,
      status: undefined,
      repeats: 0,
      cancel: () => {},
    };
    watches.set(key, watch);
    ask(watch);
    return watch;
  }

  /** Makes one attempt. What it needs is gone when it is over: most of the time a watch only waits. */
  async function ask(watch: Watch): Promise<void> {
    const abort = new AbortController();
    watch.cancel = () => abort.abort();
    try {
      const outcome = await settle(watch.sync({ signal: abort.signal, timeoutMs: ATTEMPT_TIMEOUT_MS }));
      if (!abort.signal.aborted) {
        tell(watch, outcome instanceof DaxPayFailure ? outcome : confirmProvisional(watch, outcome));
      }
    } catch (error) {
      if (!abort.signal.aborted) end(watch, error);
    }
  }

  /** Tells everybody, and waits for the next attempt unless this one was the last. */
  function tell(watch: Watch, outcome: RefundState | DaxPayFailure): void {
    const attempt = (watch.last?.attempt ?? 0) + 1;
    watch.last = { attempt, observeTime: clock.now(), outcome };
    for (const seat of watch.subscribers.keys()) seat.push(watch.last);
    const failed = outcome instanceof DaxPayFailure;
    const least = failed ? outcome.retryDelayMs : outcome.nextSyncDelayMs;
    if (least === undefined) end(watch, failed ? outcome : undefined);
    else wait(watch, nextDelay(attempt, least, schedule));
  }

  /** Asks after the given milliseconds, and ends meanwhile whose time is over. */
  function wait(watch: Watch, ms: number): void {
    const [[first, until]] = watch.subscribers;
    const left = Math.max(0, until - clock.now());
    if (left > ms) {
      watch.cancel = clock.after(ms, () => ask(watch));
      return;
    }
    watch.cancel = clock.after(left, () => {
      first.end(new DOMException("The watch has lasted a day", "TimeoutError"));
      if (watch.subscribers.size > 0) wait(watch, ms - left);
    });
  }

  function end(watch: Watch, error?: unknown): void {
    watches.delete(watch.key);
    for (const seat of watch.subscribers.keys()) seat.end(error);
  }

  function leave(watch: Watch, seat: Subscription<Attempt>): void {
    watch.subscribers.delete(seat);
    if (watch.subscribers.size === 0 && watches.delete(watch.key)) watch.cancel();
  }

  return {
    watch(key, signal, sync) {
      signal.throwIfAborted();
      const watch = watches.get(key) ?? start(key, sync);
      const seat: Subscription<Attempt> = new Subscription(signal, () => leave(watch, seat));
      watch.subscribers.set(seat, clock.now() + WATCH_TIMEOUT_MS);
      if (watch.last) seat.push(watch.last);
      return seat;
    },
    watchers: () => [...watches.values()].reduce((sum, watch) => sum + watch.subscribers.size, 0),
    oldestStartedAt: () => watches.values().next().value?.startedAt,
  };
}

async function settle(sync: Promise<RefundState>): Promise<RefundState | DaxPayFailure> {
  try {
    return await sync;
  } catch (error) {
    if (error instanceof DaxPayFailure) return error;
    throw error;
  }
}

/** Makes a soft state final once enough syncs in a row have said the same. */
function confirmProvisional(watch: Watch, state: RefundState): RefundState {
  watch.repeats = state.status === watch.status ? watch.repeats + 1 : 0;
  watch.status = state.status;
  const soft = state.status === "FAILED" || state.status === "NOT_FOUND_AT_CHANNEL";
  return soft && watch.repeats >= CONFIRMATIONS ? { ...state, nextSyncDelayMs: undefined } : state;
}
