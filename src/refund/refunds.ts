import type { DaxPay } from "../daxpay/client.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { syncWithRetry } from "./retry.ts";
import { type BatchResult, runBatch } from "./batch.ts";
import { type BreakerState, createBreaker } from "./breaker.ts";
import { createRateLimiter, type RateLimitOptions } from "./rate-limiter.ts";
import type { Clock } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import { createFinalStateCache } from "./final-cache.ts";
import { type Caller, createSingleFlight } from "./single-flight.ts";
import { type Attempt, createWatches } from "./watch.ts";
import type { ScheduleOptions } from "./schedule.ts";
import { type RefundState, stateFrom } from "./state.ts";

export interface RefundsOptions {
  readonly daxpay: DaxPay;
  readonly rateLimit: RateLimitOptions;
  readonly schedule: Omit<ScheduleOptions, "random">;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly onEvent: RefundListener;
}

/** What can be asked about refunds. Everything throws DaxPayFailure where there is no state. */
export interface Refunds {
  /** Syncs one refund now. */
  sync(query: RefundQuery, caller: Caller): Promise<RefundState>;
  /** Syncs many; yields each result as it arrives. */
  batch(queries: readonly RefundQuery[], caller: Caller): AsyncGenerator<BatchResult>;
  /** Syncs one again and again until its state is final; yields every outcome. */
  watch(query: RefundQuery, signal: AbortSignal): AsyncGenerator<Attempt>;
  /** What is going on right now. */
  stats(): Stats;
  close(): void;
}

export interface Stats {
  /** Questions that wait in line for DaxPay. */
  readonly queueSize: number;
  /** Questions that wait or are being asked. */
  readonly inFlight: number;
  readonly watchers: number;
  /** When the oldest watch that is still going began, in milliseconds since 1970. */
  readonly oldestWatch: number | undefined;
  readonly breaker: BreakerState;
  /** How far DaxPay's clock was ahead of ours in its last verified reply, in milliseconds. */
  readonly skewMs: number | undefined;
}

export function createRefunds(options: RefundsOptions): Refunds {
  const { daxpay, clock, onEvent: on } = options;
  const { release } = daxpay;
  const rateLimiter = createRateLimiter(options.rateLimit, clock);
  const breaker = createBreaker((state) => on({ type: "breaker", state }));
  const finalStates = createFinalStateCache();
  const inFlight = createSingleFlight<RefundState>(clock, () => on({ type: "shared" }));
  const watches = createWatches(clock, { ...options.schedule, random: options.random });
  let flowCount = 0;

  /** Turns go round between lines: one for each unary call, batch and watch. */
  const nextFlowId = () => String(flowCount++);

  async function sync(query: RefundQuery, caller: Caller, line: string): Promise<RefundState> {
    const known = finalStates.get(refundKey(query));
    // Asked about a closed refund, 3.x books its amount back a second time.
    if (known?.status === "CLOSED" && !release.resyncsClosed) return known;
    if (caller.timeoutMs <= 0) throw rateLimiter.overloadedError();
    return await inFlight.do(requestKey(query), caller, async (flight) => {
      const report = await syncWithRetry(query, line, flight, { ...options, rateLimiter: rateLimiter, breaker });
      const state = stateFrom(report, query, release);
      const before = finalStates.record(refundKey(query), state);
      if (before) on({ type: "contradicted", before, after: state });
      return state;
    });
  }

  /** Everything that makes the request to DaxPay another one. */
  function requestKey({ refundNo, bizRefundNo, clientIp, nonceStr }: RefundQuery): string {
    return JSON.stringify([refundNo, bizRefundNo, clientIp, release.nonce === "never" ? "" : nonceStr]);
  }

  return {
    sync: (query, caller) => sync(query, caller, nextFlowId()),
    async *batch(queries, caller) {
      const line = nextFlowId();
      const deadline = clock.now() + caller.timeoutMs;
      const stop = new AbortController();
      const leave = () => stop.abort(caller.signal.reason);
      caller.signal.addEventListener("abort", leave, { once: true });
      try {
        yield* runBatch(queries, {
          keyOf: requestKey,
          sync: (query) => sync(query, { signal: stop.signal, timeoutMs: deadline - clock.now() }, line),
          window: options.rateLimit.concurrency,
        });
      } finally {
        caller.signal.removeEventListener("abort", leave);
        stop.abort();
      }
    },
    watch(query, signal) {
      const line = nextFlowId();
      return watches.watch(requestKey(query), signal, (caller) => sync(query, caller, line));
    },
    stats: () => ({
      queueSize: rateLimiter.queueSize(),
      inFlight: inFlight.size(),
      watchers: watches.watchers(),
      oldestWatch: watches.oldestStartedAt(),
      breaker: breaker.state(),
      skewMs: daxpay.skewMs(),
    }),
    close: () => rateLimiter.close(),
  };
}

/** With both numbers, refundNo decides. */
function refundKey({ refundNo, bizRefundNo }: RefundQuery): string {
  return refundNo ? `refundNo ${refundNo}` : `bizRefundNo ${bizRefundNo}`;
}
