import type { DaxPay } from "../daxpay/client.ts";
import { DaxPayFailure, type Reason } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { type Breaker, CircuitOpenFailure } from "./breaker.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { type Clock, sleep } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import type { SharedCall } from "./single-flight.ts";

export interface RetryOptions {
  readonly daxpay: DaxPay;
  readonly rateLimiter: RateLimiter;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onEvent: RefundListener;
}

/** How often a failure is repeated at the most: only what DaxPay never heard of, and a held lock (it falls after 10 s). */
const MAX_RETRIES: Readonly<Partial<Record<Reason, number>>> = { UPSTREAM_UNREACHABLE: 3, SYNC_IN_PROGRESS: 5 };
/** Each wait is longer by up to this part of itself. */
const JITTER = 0.2;
/** Milliseconds that one answer may hold up the whole line. */
const MAX_PAUSE_MS = 10_000;

/**
 * Asks DaxPay one question when its turn comes, and again where that is safe, until the last caller's time is up. Every
 * repetition is a request of its own, signed anew.
 */
export async function syncWithRetry(query: RefundQuery, caller: string, flight: SharedCall, options: RetryOptions) {
  for (let attempt = 1;; attempt++) {
    try {
      return await syncOnce(query, caller, attempt > 1, flight, options);
    } catch (error) {
      if (!(error instanceof DaxPayFailure)) throw error;
      const waitMs = retryDelayMs(error, attempt, options.random);
      if (waitMs === undefined || options.clock.now() + waitMs >= flight.deadline()) throw error;
      options.onEvent({ type: "repeated", failure: error, waitMs });
      flight.timeoutError = () => error;
      await sleep(options.clock, waitMs, flight.signal);
    }
  }
}

async function syncOnce(
  query: RefundQuery,
  caller: string,
  repeat: boolean,
  flight: SharedCall,
  options: RetryOptions,
) {
  const { daxpay, rateLimiter: budget, breaker, clock, onEvent: on } = options;
  const queuedAt = clock.now();
  flight.timeoutError = () => budget.overloadedError();
  return await budget.run(caller, flight.signal, () => {
    on({ type: "waited", ms: clock.now() - queuedAt });
    flight.timeoutError = () => new DaxPayFailure("UPSTREAM_TIMEOUT", "DaxPay gave no answer before the deadline");
    return breaker.run(async () => {
      const askedAt = clock.now();
      try {
        const report = await daxpay.sync(query, { signal: flight.signal, retry: repeat });
        on({ type: "asked", ms: clock.now() - askedAt, failure: undefined });
        return report;
      } catch (error) {
        if (error instanceof DaxPayFailure) {
          on({ type: "asked", ms: clock.now() - askedAt, failure: error });
          if (error.throttled) pause(error, options);
        }
        throw error;
      }
    });
  });
}

/** A channel's limit holds for all its refunds, but the line is not the channel's alone. */
function pause(
  { retryDelayMs: retryAfterMs = 0 }: DaxPayFailure,
  { rateLimiter: budget, onEvent: on }: RetryOptions,
): void {
  const ms = Math.min(retryAfterMs, MAX_PAUSE_MS);
  budget.pause(ms);
  on({ type: "paused", ms });
}

/** Milliseconds until the next attempt; undefined where there must be none. */
function retryDelayMs(failure: DaxPayFailure, attempt: number, random: () => number): number | undefined {
  if (failure.retryDelayMs === undefined || attempt > (MAX_RETRIES[failure.reason] ?? 0)) return undefined;
  // Repeating it here would only wait for the one question that is let through.
  if (failure instanceof CircuitOpenFailure) return undefined;
  return failure.retryDelayMs * 2 ** (attempt - 1) * (1 + JITTER * random());
}
