import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";
import { FairQueue } from "./fair-queue.ts";

/** How many requests DaxPay may get, over all callers. */
export interface RateLimitOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Jobs that may run at the same time; a job sends its requests one after the other. */
  readonly concurrency: number;
}

/** The requests that a running job may send. It starts with those that it was queued for. */
export interface Permit {
  /**
   * Resolves when the given number of requests is reserved for the job: at once where they are, otherwise when the rate
   * allows them together, before all queued jobs.
   */
  reserve(requests: number): Promise<void>;
  /** Turns a reserved request into one that is sent now. */
  use(): void;
}

export interface RateLimiter {
  /**
   * Runs the job when the rate allows the given number of requests together and its turn has come. Turns go round between
   * flows, so that a flow with many jobs does not delay the others. What the job does not use is given back when it ends.
   * Rejects with the signal's reason when that aborts while the job is queued.
   */
  run<T>(flow: string, signal: AbortSignal, requests: number, work: (permit: Permit) => Promise<T>): Promise<T>;
  /** Lets nothing start for the given milliseconds. */
  pause(ms: number): void;
  /** The error of a caller whose time ran out in the queue. */
  rateLimitedError(): DaxPayFailure;
  queueSize(): number;
  close(): void;
}

/** A job sends at most this many requests together, so even a lower rate must allow them. */
const MIN_WINDOW_REQUESTS = 2;

interface Job {
  readonly requests: number;
  start(): void;
}

/** A running job that waits for further requests. */
interface Waiting {
  readonly requests: number;
  resume(): void;
}

/**
 * A sliding log of the requests of the last window, exact in every window, whenever it starts; p-queue and the like know
 * neither jobs of several requests nor a monotonic clock. A reserved request counts until it is sent or given back.
 */
export function createRateLimiter({ rate, concurrency }: RateLimitOptions, clock: Clock): RateLimiter {
  const capacity = Math.max(rate, MIN_WINDOW_REQUESTS);
  const windowMs = (capacity / rate) * 1000;
  const jobs = new FairQueue<Job>();
  const waiting: Waiting[] = [];
  /** When each request of the last window was sent, oldest first. */
  const sentAt: number[] = [];
  let reserved = 0;
  let running = 0;
  let resumeAt = 0;
  let cancelTimer: (() => void) | undefined;

  /** Starts whatever may start now, and comes back when more may. */
  function pump(): void {
    const now = clock.elapsed();
    if (now < resumeAt) return schedule(resumeAt - now);
    let expired = 0;
    while (expired < sentAt.length && sentAt[expired] + windowMs <= now) expired++;
    if (expired > 0) sentAt.splice(0, expired);
    for (let next = waiting[0]; next; next = waiting[0]) {
      if (!hasRoom(next.requests, now)) return;
      waiting.shift();
      reserved += next.requests;
      next.resume();
    }
    for (let job = jobs.peek(); job && running < concurrency && hasRoom(job.requests, now); job = jobs.peek()) {
      jobs.shift();
      running++;
      reserved += job.requests;
      job.start();
    }
  }

  /** Whether the window has room for the requests; otherwise sees to it that `pump` runs when it may have. */
  function hasRoom(requests: number, now: number): boolean {
    const missing = sentAt.length + reserved + requests - capacity;
    if (missing <= 0) return true;
    // What is only reserved is sent or given back first.
    if (missing <= sentAt.length) schedule(sentAt[missing - 1] + windowMs - now);
    return false;
  }

  function schedule(ms: number): void {
    cancelTimer?.();
    cancelTimer = clock.after(ms, () => {
      cancelTimer = undefined;
      pump();
    });
  }

  async function runJob<T>(requests: number, work: (permit: Permit) => Promise<T>): Promise<T> {
    let left = requests;
    const permit: Permit = {
      async reserve(count) {
        if (left >= count && clock.elapsed() >= resumeAt) return;
        // Jobs that kept some while they wait for more would wait for each other.
        reserved -= left;
        left = 0;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.push({ requests: count, resume: resolve });
        pump();
        await promise;
        left = count;
      },
      use() {
        if (left === 0) throw new RangeError("Expected a reserved request");
        left--;
        reserved--;
        sentAt.push(clock.elapsed());
        // Whoever waited for reserved requests can now tell when the window has room.
        if (!cancelTimer && jobs.size + waiting.length > 0) {
          schedule(Math.max(0, sentAt[0] + windowMs - clock.elapsed()));
        }
      },
    };
    try {
      return await work(permit);
    } finally {
      reserved -= left;
      running--;
      pump();
    }
  }

  return {
    run<T>(flow: string, signal: AbortSignal, requests: number, work: (permit: Permit) => Promise<T>): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      if (signal.aborted) {
        reject(signal.reason);
        return promise;
      }
      const onAbort = () => {
        jobs.remove(flow, job);
        reject(signal.reason);
      };
      const job: Job = {
        requests,
        start() {
          signal.removeEventListener("abort", onAbort);
          runJob(requests, work).then(resolve, reject);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      jobs.push(flow, job);
      pump();
      return promise;
    },
    pause(ms) {
      resumeAt = Math.max(resumeAt, clock.elapsed() + ms);
    },
    rateLimitedError() {
      const seconds = Math.ceil(jobs.size / rate);
      return new DaxPayFailure("RATE_LIMITED", `Rate limit reached: ${jobs.size} requests queued at ${rate}/s`, {
        retryDelayMs: Math.max(1000, seconds * 1000, resumeAt - clock.elapsed()),
      });
    },
    queueSize: () => jobs.size,
    close() {
      cancelTimer?.();
      jobs.clear();
      waiting.length = 0;
    },
  };
}
