/** The part of a clock that waits. */
export interface Timers {
  /** Runs the work after the given milliseconds, unless the returned function is called before. */
  after(ms: number, work: () => void): () => void;
}

export const systemTimers: Timers = {
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/** The work's outcome; undefined where the time runs out first, and the work goes on. */
export async function within<T>(timers: Timers, ms: number, work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const cancel = timers.after(ms, () => resolve(undefined));
  try {
    return await Promise.race([work, promise]);
  } finally {
    cancel();
  }
}

/** Does the work again and again, each time the given milliseconds after the last has ended, until it is disposed. */
export function repeat(timers: Timers, ms: number, work: () => Promise<void>): Disposable {
  let disposed = false;
  const wait = () => timers.after(ms, () => work().finally(() => disposed || (cancel = wait())));
  let cancel = wait();
  return {
    [Symbol.dispose]() {
      disposed = true;
      cancel();
    },
  };
}
