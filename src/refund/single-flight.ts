import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";

/** Who waits for a result, and for how long. */
export interface Caller {
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller waits at most. */
  readonly timeoutMs: number;
}

/** One run of work on behalf of all callers that share it. */
export interface SharedCall {
  /** Aborts when the last caller has left. Work that must not be interrupted ignores it. */
  readonly signal: AbortSignal;
  /** The latest deadline of a caller, by Clock.elapsed. */
  deadline(): number;
  /** The error of a caller whose deadline expires now. The work replaces it as it proceeds. */
  timeoutError: () => unknown;
  /** Whether the work was started and joined in the background only, where nobody waits for it. */
  background(): boolean;
  /** Called when a caller joins who does wait. The work replaces it as it proceeds. */
  onPromoted: () => void;
}

/** The error of a caller whose signal aborts during a sync: it was sent, and goes on. Its cause is the signal's reason. */
export class AbortedDuringSyncError extends Error {
  override readonly name = "AbortedDuringSyncError";

  constructor(reason: unknown) {
    super("Aborted during the sync", { cause: reason });
  }
}

export interface SingleFlight<T> {
  /**
   * Runs the work for the key, or joins the run in progress. A caller that leaves or times out does not end the run for the
   * others; when the last one leaves, its signal aborts and the next caller starts a new run. Throws the reason of the
   * caller's signal when that aborts, or an AbortedDuringSyncError. `background` defaults to false; see SharedCall.
   */
  do(key: string, caller: Caller, work: (call: SharedCall) => Promise<T>, background?: boolean): Promise<T>;
  /** Whether a sync of the run in progress has been sent. */
  isSyncing(key: string): boolean;
  /** Number of runs in progress that have callers. */
  size(): number;
}

interface Entry<T> extends SharedCall {
  readonly abort: AbortController;
  readonly outcome: Promise<T>;
  callers: number;
  latestDeadline: number;
  ended: boolean;
  isBackground: boolean;
}

/** The abort reason of a run without callers; making an exception each time would cost more than the rest. */
const ABANDONED = "abandoned";

export function createSingleFlight<T>(clock: Clock, onCoalesced: () => void): SingleFlight<T> {
  const entries = new Map<string, Entry<T>>();

  function start(key: string, work: (call: SharedCall) => Promise<T>, background: boolean): Entry<T> {
    const abort = new AbortController();
    const entry: Entry<T> = {
      abort,
      signal: abort.signal,
      callers: 0,
      latestDeadline: 0,
      ended: false,
      isBackground: background,
      background: () => entry.isBackground,
      onPromoted: () => {},
      deadline: () => entry.latestDeadline,
      timeoutError: () => new DOMException("The work did not start in time", "TimeoutError"),
      // Deferred so that the first caller is counted before the work starts.
      outcome: Promise.resolve().then(() => work(entry)).finally(() => {
        entry.ended = true;
        forget(key, entry);
      }),
    };
    // Nobody may be left to handle it.
    entry.outcome.catch(() => {});
    entries.set(key, entry);
    return entry;
  }

  function forget(key: string, entry: Entry<T>): void {
    if (entries.get(key) === entry) entries.delete(key);
  }

  return {
    async do(key, caller, work, background = false) {
      caller.signal.throwIfAborted();
      const existing = entries.get(key);
      if (existing) onCoalesced();
      const entry = existing ?? start(key, work, background);
      entry.callers++;
      if (entry.isBackground && !background) {
        entry.isBackground = false;
        entry.onPromoted();
      }
      entry.latestDeadline = Math.max(entry.latestDeadline, clock.elapsed() + caller.timeoutMs);
      // Every caller settles on its own.
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const onAbort = () => {
        const { reason } = caller.signal;
        reject(isSyncing(entry) ? new AbortedDuringSyncError(reason) : reason);
      };
      caller.signal.addEventListener("abort", onAbort, { once: true });
      const cancelTimer = clock.after(Math.max(0, caller.timeoutMs), () => reject(entry.timeoutError()));
      entry.outcome.then(resolve, reject);
      try {
        return await promise;
      } finally {
        cancelTimer();
        caller.signal.removeEventListener("abort", onAbort);
        entry.callers--;
        if (entry.callers === 0 && !entry.ended) {
          forget(key, entry);
          entry.abort.abort(ABANDONED);
        }
      }
    },
    isSyncing(key) {
      const entry = entries.get(key);
      return entry !== undefined && isSyncing(entry);
    },
    size: () => entries.size,
  };
}

function isSyncing({ timeoutError }: SharedCall): boolean {
  const error = timeoutError();
  return error instanceof DaxPayFailure && error.delivery === "IN_DOUBT";
}
