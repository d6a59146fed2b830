import { isDeepStrictEqual } from "node:util";
import type { DaxPay } from "../daxpay/client.ts";
import type { Breaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import type { QueryMode } from "./query-mode.ts";
import { createRateLimiter, type RateLimiter, type RateLimitOptions } from "./rate-limiter.ts";
import type { RefundRecords } from "./records.ts";
import type { SharedBudget } from "./shared-budget.ts";
import type { SharedRecords } from "./shared.ts";
import { createSyncer, type Syncer } from "./sync.ts";

/** What a change of the configuration can replace while calls are in progress. */
export interface EngineOptions {
  readonly daxpay: DaxPay;
  readonly queryMode: QueryMode;
  /** Milliseconds; see SyncerOptions. */
  readonly settleTimeoutMs: number;
  /** See SyncerOptions. */
  readonly settleOnStart: boolean;
  readonly rateLimit: RateLimitOptions;
  readonly records: RefundRecords;
  /** See SyncerOptions. */
  readonly shared?: SharedRecords;
}

export interface EngineContext {
  readonly clock: Clock;
  readonly breaker: Breaker;
  readonly onEvent: RefundListener;
  /** Shared with other replicas; without it the rate is this process's alone. */
  readonly budget?: SharedBudget;
}

/** Makes the attempts of one configuration. */
export interface Engine {
  readonly options: EngineOptions;
  readonly rateLimiter: RateLimiter;
  readonly syncer: Syncer;
  /** Closes the connections to DaxPay, so that requests in progress end. */
  close(): void;
}

/** An engine of the same budget as the last one goes on with its queue, so that a change sends no burst. */
export function createEngine(
  options: EngineOptions,
  { clock, breaker, onEvent, budget }: EngineContext,
  last?: Engine,
): Engine {
  const rateLimiter = last && isDeepStrictEqual(last.options.rateLimit, options.rateLimit)
    ? last.rateLimiter
    : createRateLimiter(options.rateLimit, clock, budget);
  const syncer = createSyncer({ ...options, rateLimiter, breaker, clock, onEvent });
  return {
    options,
    rateLimiter,
    syncer,
    close() {
      options.daxpay[Symbol.dispose]();
    },
  };
}
