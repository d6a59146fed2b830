/** Waits that can all be ended at once. */
export interface Timers {
  /** Resolves after the given milliseconds, or at once when everything has been ended. */
  readonly wait: (ms: number) => Promise<void>;
  end(): void;
}

export function createTimers(): Timers {
  const pending = new Map<ReturnType<typeof setTimeout>, () => void>();
  let ended = false;

  function wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ended) return resolve();
      const timer = setTimeout(() => {
        pending.delete(timer);
        resolve();
      }, ms);
      pending.set(timer, resolve);
    });
  }

  function end(): void {
    ended = true;
    for (const [timer, resolve] of pending) {
      clearTimeout(timer);
      resolve();
    }
    pending.clear();
  }

  return { wait, end };
}
