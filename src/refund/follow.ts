import { DaxPayFailure } from "../daxpay/failure.ts";
import { type Clock, sleep } from "./clock.ts";
import type { Caller } from "./flight.ts";
import { type ScheduleOptions, waitAfter } from "./schedule.ts";
import type { RefundState } from "./state.ts";

/** What one attempt of a watch learned: a state, or why there is none. */
export interface Attempt {
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly observedAt: number;
  readonly outcome: RefundState | DaxPayFailure;
}

export interface Follows {
  /**
   * Yields the outcome of every attempt until a state is final. Throws a failure that repeating will not help after
   * yielding it, and the signal's reason when that aborts. Callers of one key share one schedule; a late one begins
   * with the last outcome.
   */
  follow(key: string, signal: AbortSignal, sync: (caller: Caller) => Promise<RefundState>): AsyncGenerator<Attempt>;
  /** How many callers follow. */
  watchers(): number;
  /** When the oldest watch that is still going began, in milliseconds since 1970. */
  oldest(): number | undefined;
}

/** Milliseconds that one attempt may wait in line and for DaxPay. */
const ATTEMPT_TIMEOUT_MS = 60_000;
/** So many more syncs must say the same before a soft state counts as final. */
const CONFIRMATIONS = 3;

/** One schedule and those who follow it. */
interface Watch {
  readonly abort: AbortController;
  readonly begunAt: number;
  readonly seats: Set<Seat>;
  last: Attempt | undefined;
}

export function createFollows(clock: Clock, schedule: ScheduleOptions): Follows {
  const watches = new Map<string, Watch>();

  function start(key: string, sync: (caller: Caller) => Promise<RefundState>): Watch {
    const watch: Watch = { abort: new AbortController(), begunAt: clock.now(), seats: new Set(), last: undefined };
    watches.set(key, watch);
    run(watch, sync).then(() => end(key, watch), (error) => end(key, watch, error));
    return watch;
  }

  function end(key: string, watch: Watch, error?: unknown): void {
    if (watches.get(key) === watch) watches.delete(key);
    for (const seat of watch.seats) seat.end(error);
  }

  /** Attempt after attempt, until one is the last. */
  async function run(watch: Watch, sync: (caller: Caller) => Promise<RefundState>): Promise<void> {
    const { signal } = watch.abort;
    const confirm = createConfirmation();
    for (let attempt = 1;; attempt++) {
      const outcome = await settle(sync({ signal, timeoutMs: ATTEMPT_TIMEOUT_MS }), confirm);
      signal.throwIfAborted();
      watch.last = { attempt, observedAt: clock.now(), outcome };
      for (const seat of watch.seats) seat.push(watch.last);
      const least = outcome instanceof DaxPayFailure ? outcome.retryAfterMs : outcome.nextSyncAfterMs;
      if (least === undefined) {
        if (outcome instanceof DaxPayFailure) throw outcome;
        return;
      }
      await sleep(clock, waitAfter(attempt, least, schedule), signal);
    }
  }

  return {
    async *follow(key, signal, sync) {
      signal.throwIfAborted();
      const watch = watches.get(key) ?? start(key, sync);
      const seat = createSeat();
      watch.seats.add(seat);
      if (watch.last) seat.push(watch.last);
      const leave = () => seat.end(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
      try {
        yield* seat.attempts();
      } finally {
        signal.removeEventListener("abort", leave);
        watch.seats.delete(seat);
        if (watch.seats.size === 0) {
          if (watches.get(key) === watch) watches.delete(key);
          watch.abort.abort();
        }
      }
    },
    watchers: () => [...watches.values()].reduce((sum, watch) => sum + watch.seats.size, 0),
    oldest: () => watches.values().next().value?.begunAt,
  };
}

async function settle(
  sync: Promise<RefundState>,
  confirm: (state: RefundState) => RefundState,
): Promise<RefundState | DaxPayFailure> {
  try {
    return confirm(await sync);
  } catch (error) {
    if (error instanceof DaxPayFailure) return error;
    throw error;
  }
}

/** Makes a soft state final once enough syncs in a row have said the same. */
function createConfirmation(): (state: RefundState) => RefundState {
  let status: string | undefined;
  let times = 0;
  return (state) => {
    times = state.status === status ? times + 1 : 0;
    status = state.status;
    const soft = state.status === "FAILED" || state.status === "NOT_FOUND";
    return soft && times >= CONFIRMATIONS ? { ...state, nextSyncAfterMs: undefined } : state;
  };
}

/** One caller's view of a watch. */
interface Seat {
  push(attempt: Attempt): void;
  end(error?: unknown): void;
  /** What was pushed, in order, until the end. */
  attempts(): AsyncGenerator<Attempt>;
}

function createSeat(): Seat {
  const unread: Attempt[] = [];
  let ended: { readonly error: unknown } | undefined;
  let wake = () => {};

  return {
    push(attempt) {
      unread.push(attempt);
      wake();
    },
    end(error) {
      ended ??= { error };
      wake();
    },
    async *attempts() {
      for (;;) {
        for (let attempt = unread.shift(); attempt; attempt = unread.shift()) yield attempt;
        if (ended?.error !== undefined) throw ended.error;
        if (ended) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
