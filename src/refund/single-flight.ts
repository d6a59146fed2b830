import type { Clock } from "./clock.ts";

/** Who waits for an answer, and how long. */
export interface Caller {
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller will wait. */
  readonly timeoutMs: number;
}

/** One run of work on behalf of all who joined it. */
export interface SharedCall {
  /** Aborts when the last caller has left. */
  readonly signal: AbortSignal;
  /** When the most patient caller will have left, in milliseconds since 1970. */
  deadline(): number;
  /** Makes the error for a caller whose time ends now. The work changes it as it goes on. */
  timeoutError: () => unknown;
}

export interface SingleFlight<T> {
  /**
   * Runs the work for the key, or joins the run that is under way. A caller that leaves or runs out of time does not
   * end it for the others; when the last one leaves, it is aborted.
   */
  do(key: string, caller: Caller, work: (flight: SharedCall) => Promise<T>): Promise<T>;
  /** How many runs are under way. */
  size(): number;
}

interface Entry<T> extends SharedCall {
  readonly abort: AbortController;
  readonly outcome: Promise<T>;
  callers: number;
  latestDeadline: number;
  ended: boolean;
}

/** Why a run that all have left is aborted; making an exception each time would cost more than the rest. */
const ABANDONED = "left";

export function createSingleFlight<T>(clock: Clock, onShared: () => void): SingleFlight<T> {
  const runs = new Map<string, Entry<T>>();

  function start(key: string, work: (flight: SharedCall) => Promise<T>): Entry<T> {
    const abort = new AbortController();
    const run: Entry<T> = {
      abort,
      signal: abort.signal,
      callers: 0,
      latestDeadline: 0,
      ended: false,
      deadline: () => run.latestDeadline,
      timeoutError: () => new DOMException("The work did not start in time", "TimeoutError"),
      // Only when its first caller has been counted.
      outcome: Promise.resolve().then(() => work(run)).finally(() => {
        run.ended = true;
        forget(key, run);
      }),
    };
    runs.set(key, run);
    return run;
  }

  function forget(key: string, run: Entry<T>): void {
    if (runs.get(key) === run) runs.delete(key);
  }

  return {
    async do(key, caller, work) {
      caller.signal.throwIfAborted();
      const found = runs.get(key);
      if (found) onShared();
      const run = found ?? start(key, work);
      run.callers++;
      run.latestDeadline = Math.max(run.latestDeadline, clock.now() + caller.timeoutMs);
      // Every caller has its own view of the outcome.
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      const depart = () => reject(caller.signal.reason);
      caller.signal.addEventListener("abort", depart, { once: true });
      const cancel = clock.after(Math.max(0, caller.timeoutMs), () => reject(run.timeoutError()));
      run.outcome.then(resolve, reject);
      try {
        return await promise;
      } finally {
        cancel();
        caller.signal.removeEventListener("abort", depart);
        run.callers--;
        if (run.callers === 0 && !run.ended) {
          forget(key, run);
          run.abort.abort(ABANDONED);
        }
      }
    },
    size: () => runs.size,
  };
}
