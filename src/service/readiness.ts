/** Whether calls can be served, and notice of changes. */
export interface Readiness {
  ready(): boolean;
  /** Why calls cannot be served now. */
  reasons(): readonly string[];
  /** Resolves at the next change, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
  /** Adds or removes a reason. */
  block(reason: string): void;
  unblock(reason: string): void;
}

/** Starts ready. */
export function createReadiness(): Readiness {
  const reasons = new Set<string>();
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of [...waiting]) wake();
  };
  return {
    ready: () => reasons.size === 0,
    reasons: () => [...reasons],
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
    block(reason) {
      reasons.add(reason);
      wakeAll();
    },
    unblock(reason) {
      if (reasons.delete(reason)) wakeAll();
    },
  };
}
