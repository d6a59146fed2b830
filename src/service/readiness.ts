/** Whether the process takes calls, and who wants to know when that changes. */
export interface Readiness {
  ready(): boolean;
  /** Resolves at the next change, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
  set(ready: boolean): void;
}

/** Starts ready. */
export function createReadiness(): Readiness {
  let ready = true;
  const waiting = new Set<() => void>();
  return {
    ready: () => ready,
    changed: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        waiting.add(wake);
        signal.addEventListener("abort", wake);
      }),
    set(value) {
      if (value === ready) return;
      ready = value;
      for (const wake of [...waiting]) wake();
    },
  };
}
