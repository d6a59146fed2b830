/** Milliseconds: DaxPay's lock (lock4j) expires on its own, is never renewed, and is tried twice more when taken. */
const EXPIRE_MS = 10_000;
const RETRIES = 2;
const RETRY_MS = 100;

/** How long a sync waits for a lock before it gives up. */
export const LOCK_TIMEOUT_MS = RETRIES * RETRY_MS;

export interface Lock {
  readonly expires: number;
}

export interface Locks {
  /** Undefined where somebody else holds it. */
  acquire(key: string): Promise<Lock | undefined>;
  /** Does nothing where the lock has expired and somebody else has taken it. */
  release(key: string, lock: Lock): void;
  reset(): void;
}

export interface LocksOptions {
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

export function createLocks({ now, wait }: LocksOptions): Locks {
  const held = new Map<string, Lock>();
  return {
    async acquire(key) {
      for (let retries = 0;; retries++) {
        const other = held.get(key);
        if (!other || other.expires <= now()) break;
        if (retries === RETRIES) return undefined;
        await wait(RETRY_MS);
      }
      // The object tells one holder from the next.
      const lock = { expires: now() + EXPIRE_MS };
      held.set(key, lock);
      return lock;
    },
    release(key, lock) {
      if (held.get(key) === lock) held.delete(key);
    },
    reset: () => held.clear(),
  };
}
