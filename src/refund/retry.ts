import { DaxPayFailure, type Reason } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { type Clock, sleep } from "./clock.ts";
import type { Engine } from "./engine.ts";
import type { RefundListener } from "./event.ts";
import type { SharedCall } from "./single-flight.ts";
import type { RefundState } from "./state.ts";
import type { SyncOptions } from "./sync.ts";

export interface RetryOptions {
  /** The present one: an attempt after a change of the configuration is made with the changed one. */
  readonly engine: () => Engine;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly onEvent: RefundListener;
}

/** Retries by reason: only what DaxPay did not process, and a held lock, which expires after 10 s. */
const MAX_RETRIES: Readonly<Partial<Record<Reason, number>>> = { UPSTREAM_UNREACHABLE: 3, SYNC_IN_PROGRESS: 5 };
/** Retries of a failed query, which changes nothing. */
const MAX_QUERY_RETRIES: Readonly<Partial<Record<Reason, number>>> = {
  ...MAX_RETRIES,
  UPSTREAM_TIMEOUT: 2,
  REPLY_INTERRUPTED: 2,
};
/** Milliseconds before the first retry of a query. */
const QUERY_RETRY_DELAY_MS = 500;
/** Jitter as a fraction of each delay; it only lengthens. */
const JITTER = 0.2;
/** Milliseconds that one reply may pause all requests. */
const MAX_PAUSE_MS = 10_000;

/** Syncs one refund, with the retries that are safe, until the last caller's deadline. */
export async function syncWithRetry(
  request: RefundQuery,
  flow: string,
  options: SyncOptions,
  call: SharedCall,
  { engine: presentEngine, clock, random, onEvent }: RetryOptions,
): Promise<RefundState> {
  const startedAt = clock.elapsed();
  let signedAnew = false;
  for (let attempt = 1;; attempt++) {
    const engine = presentEngine();
    try {
      return await engine.syncer.attempt({ request, flow, retry: attempt > 1, startedAt, options }, call);
    } catch (error) {
      if (!(error instanceof DaxPayFailure)) throw error;
      if (error.reason === "SIGNATURE_REJECTED" && !signedAnew && (error.otherKey || presentEngine() !== engine)) {
        signedAnew = true;
        onEvent({ type: "retry", failure: error, delayMs: 0 });
        continue;
      }
      if (error.throttled) {
        // A channel's limit applies to all of its refunds, but the queue is not the channel's alone.
        const ms = Math.min(error.retryDelayMs ?? 0, MAX_PAUSE_MS);
        engine.rateLimiter.pause(ms);
        onEvent({ type: "throttled", ms });
      }
      const delayMs = retryDelayMs(error, attempt, random);
      if (delayMs === undefined || clock.elapsed() + delayMs >= call.deadline()) throw error;
      onEvent({ type: "retry", failure: error, delayMs });
      call.timeoutError = () => error;
      await sleep(clock, delayMs, call.signal);
    }
  }
}

/** Milliseconds until the next attempt; undefined where there must be none. */
function retryDelayMs(failure: DaxPayFailure, attempt: number, random: () => number): number | undefined {
  const isQuery = failure.step === "QUERY";
  const maxRetries = (isQuery ? MAX_QUERY_RETRIES : MAX_RETRIES)[failure.reason] ?? 0;
  if (failure.retryDelayMs === undefined || attempt > maxRetries) return undefined;
  const firstMs = isQuery ? Math.min(failure.retryDelayMs, QUERY_RETRY_DELAY_MS) : failure.retryDelayMs;
  return firstMs * 2 ** (attempt - 1) * (1 + JITTER * random());
}
