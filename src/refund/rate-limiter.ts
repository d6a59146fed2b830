import { DaxPayFailure } from "../daxpay/failure.ts";
import { createBookings } from "./bookings.ts";
import type { Clock } from "./clock.ts";
import { FairQueue } from "./fair-queue.ts";
import type { BudgetLimit, SharedBudget } from "./shared-budget.ts";

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

/** Whether nobody waits for a job, so that it waits for all others. */
export interface Priority {
  /** Turns from true to false at most once. */
  background(): boolean;
  /** Called when it does. The limiter sets it. */
  onPromoted: () => void;
}

export interface RateLimiter {
  /**
   * Runs the job when the rate allows the given number of requests together and its turn has come. Turns go round between
   * flows, so that a flow with many jobs does not delay the others; background jobs have theirs when no other job waits.
   * What the job does not use is given back when it ends. Rejects with the signal's reason when that aborts while the job
   * is queued. `priority` defaults to that of a caller's job.
   */
  run<T>(
    flow: string,
    signal: AbortSignal,
    requests: number,
    work: (permit: Permit) => Promise<T>,
    priority?: Priority,
  ): Promise<T>;
  /** Lets nothing start for the given milliseconds, in any replica that shares the budget. */
  pause(ms: number): void;
  /** The error of a caller whose time ran out in the queue. */
  rateLimitedError(background?: boolean): DaxPayFailure;
  /** Number of queued jobs, background jobs included. */
  queueSize(): number;
  backgroundQueueSize(): number;
  close(): void;
}

/** A job sends at most this many requests together, so even a lower rate must allow them. */
const MIN_WINDOW_REQUESTS = 2;
/** The part of a window up to which background jobs may fill it: at 50 requests it leaves room for three jobs of callers. */
const BACKGROUND_CAPACITY = 0.88;
/** The part of the places that background jobs leave free, at least one where there are several. */
const CALLERS_CONCURRENCY = 0.25;
/**
 * The length of a shared window as a multiple of this process's own: a request may reach DaxPay up to 5 % of a window later
 * than it was sent, and the next one at once.
 */
const SHARED_WINDOW = 1.05;
/** Jobs that book their requests together at most. */
const MAX_BOOKING_JOBS = 64;

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
 *
 * With a budget, all replicas keep the rate together: a job whose turn has come here starts when its requests are booked
 * there too. That is a log as well, and not a single time up to which the rate is used: a sync is sent an unknown time after
 * the query that allows it, and both must have been reserved together.
 */
export function createRateLimiter(
  { rate, concurrency }: RateLimitOptions,
  clock: Clock,
  budget?: SharedBudget,
): RateLimiter {
  const whole = limitOf(rate);
  const callers = new FairQueue<Job>();
  const background = new FairQueue<Job>();
  const backgroundConcurrency = Math.max(1, concurrency - Math.max(1, Math.floor(concurrency * CALLERS_CONCURRENCY)));
  const waiting: Waiting[] = [];
  /** When each request of the last window was sent, oldest first. */
  const sentAt: number[] = [];
  const bookings = budget && createBookings(budget, sharedLimit(whole), clock, (pausedMs) => {
    resumeAt = Math.max(resumeAt, clock.elapsed() + pausedMs);
    pump();
  });
  let reserved = 0;
  let running = 0;
  let resumeAt = 0;
  let cancelTimer: (() => void) | undefined;
  let timerAt = 0;

  /** Starts whatever may start now, and comes back when more may. */
  function pump(): void {
    const now = clock.elapsed();
    const limit = presentLimit();
    forgetSent(now - limit.windowMs);
    if (now < resumeAt) schedule(resumeAt);
    else startJobs(limit);
    if (bookings) schedule(bookings.update(now < resumeAt ? nothingWanted() : demand(limit)));
  }

  function presentLimit(): BudgetLimit {
    return budget && bookings?.isLimitedToShare() ? sharedLimit(limitOf(rate / Math.max(1, budget.replicas()))) : whole;
  }

  function forgetSent(until: number): void {
    let expired = 0;
    while (expired < sentAt.length && sentAt[expired] <= until) expired++;
    if (expired > 0) sentAt.splice(0, expired);
  }

  function startJobs(limit: BudgetLimit): void {
    for (let next = waiting[0]; next; next = waiting[0]) {
      if (!reserve(next.requests, limit.capacity, limit)) return;
      waiting.shift();
      next.resume();
    }
    startQueued(callers, concurrency, limit.capacity, limit);
    if (callers.size === 0) startQueued(background, backgroundConcurrency, limit.backgroundCapacity, limit);
  }

  function startQueued(queue: FairQueue<Job>, places: number, capacity: number, limit: BudgetLimit): void {
    for (let job = queue.peek(); job && running < places; job = queue.peek()) {
      if (!reserve(job.requests, capacity, limit, queue === background)) return;
      queue.shift();
      running++;
      job.start();
    }
  }

  /** Whether the requests are reserved now; otherwise sees to it that `pump` runs when they may be. */
  function reserve(requests: number, capacity: number, { windowMs }: BudgetLimit, isBackground = false): boolean {
    const missing = sentAt.length + reserved + requests - capacity;
    if (missing > 0) {
      // What is only reserved is sent or given back first.
      if (missing <= sentAt.length) schedule(sentAt[missing - 1] + windowMs);
      return false;
    }
    if (bookings && !bookings.isAway() && !bookings.take(requests, isBackground)) return false;
    reserved += requests;
    return true;
  }

  /** What could start if it were booked. */
  function demand({ capacity, backgroundCapacity }: BudgetLimit) {
    let used = sentAt.length + reserved;
    let taken = running;
    const wanted = { held: reserved, callers: [] as number[], background: [] as number[] };
    for (const { requests } of waiting) {
      if (used + requests > capacity) return wanted;
      used += requests;
      wanted.callers.push(requests);
    }
    for (const { requests } of callers) {
      if (used + requests > capacity || taken >= concurrency || wanted.callers.length >= MAX_BOOKING_JOBS) {
        return wanted;
      }
      used += requests;
      taken++;
      wanted.callers.push(requests);
    }
    for (const { requests } of background) {
      const full = used + requests > backgroundCapacity || taken >= backgroundConcurrency;
      if (full || wanted.background.length >= MAX_BOOKING_JOBS) return wanted;
      used += requests;
      taken++;
      wanted.background.push(requests);
    }
    return wanted;
  }

  const nothingWanted = () => ({ held: reserved, callers: [], background: [] });

  /** Runs `pump` at the given time, by Clock.elapsed, or before. */
  function schedule(time: number): void {
    if (time === Infinity || (cancelTimer && timerAt <= time)) return;
    cancelTimer?.();
    timerAt = time;
    cancelTimer = clock.after(Math.max(0, time - clock.elapsed()), () => {
      cancelTimer = undefined;
      pump();
    });
  }

  async function runJob<T>(
    requests: number,
    work: (permit: Permit) => Promise<T>,
    isBackground: boolean,
  ): Promise<T> {
    let left = requests;
    const giveBack = () => {
      reserved -= left;
      bookings?.giveBack(left, isBackground);
      left = 0;
    };
    const permit: Permit = {
      async reserve(count) {
        if (left >= count && clock.elapsed() >= resumeAt) return;
        // Jobs that kept some while they wait for more would wait for each other.
        giveBack();
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
        if (bookings) schedule(bookings.sent());
        // Whoever waited for reserved requests can now tell when the window has room.
        if (callers.size + background.size + waiting.length > 0) {
          schedule(sentAt[0] + presentLimit().windowMs);
        }
      },
    };
    try {
      return await work(permit);
    } finally {
      giveBack();
      running--;
      pump();
    }
  }

  return {
    run<T>(
      flow: string,
      signal: AbortSignal,
      requests: number,
      work: (permit: Permit) => Promise<T>,
      priority?: Priority,
    ): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      if (signal.aborted) {
        reject(signal.reason);
        return promise;
      }
      let queue = priority?.background() ? background : callers;
      const onAbort = () => {
        queue.remove(flow, job);
        reject(signal.reason);
      };
      const job: Job = {
        requests,
        start() {
          signal.removeEventListener("abort", onAbort);
          runJob(requests, work, queue === background).then(resolve, reject);
        },
      };
      if (priority && queue === background) {
        priority.onPromoted = () => {
          if (!background.remove(flow, job)) return;
          queue = callers;
          callers.push(flow, job);
          pump();
        };
      }
      signal.addEventListener("abort", onAbort, { once: true });
      queue.push(flow, job);
      pump();
      return promise;
    },
    pause(ms) {
      resumeAt = Math.max(resumeAt, clock.elapsed() + ms);
      if (!bookings) return;
      bookings.pause(ms);
      pump();
    },
    rateLimitedError(isBackground = false) {
      const ahead = isBackground ? callers.size + background.size : callers.size;
      const seconds = Math.ceil(ahead / rate);
      return new DaxPayFailure("RATE_LIMITED", `Rate limit reached: ${ahead} requests queued at ${rate}/s`, {
        retryDelayMs: Math.max(1000, seconds * 1000, resumeAt - clock.elapsed()),
      });
    },
    queueSize: () => callers.size + background.size,
    backgroundQueueSize: () => background.size,
    close() {
      callers.clear();
      background.clear();
      waiting.length = 0;
      bookings?.close(reserved);
      cancelTimer?.();
      cancelTimer = undefined;
    },
  };
}

/** A rate below the least window counts over a longer one. */
function limitOf(rate: number): BudgetLimit {
  const capacity = Math.max(Math.floor(rate), MIN_WINDOW_REQUESTS);
  return {
    capacity,
    backgroundCapacity: Math.max(Math.floor(capacity * BACKGROUND_CAPACITY), MIN_WINDOW_REQUESTS),
    windowMs: Math.max(1000, (capacity / rate) * 1000),
  };
}

function sharedLimit(limit: BudgetLimit): BudgetLimit {
  return { ...limit, windowMs: Math.ceil(limit.windowMs * SHARED_WINDOW) };
}
