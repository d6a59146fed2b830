import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { within } from "../util/timers.ts";
import { type BatchResult, runBatch } from "./batch.ts";
import { type BreakerState, createBreaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import { createEngine, type Engine, type EngineOptions } from "./engine.ts";
import type { RefundListener } from "./event.ts";
import { effectiveQueryMode } from "./query-mode.ts";
import { createRefundRecords, type RefundRecords } from "./records.ts";
import { syncWithRetry } from "./retry.ts";
import type { ScheduleOptions } from "./schedule.ts";
import type { SharedBudget } from "./shared-budget.ts";
import { type Caller, createSingleFlight } from "./single-flight.ts";
import type { RefundState } from "./state.ts";
import type { SyncOptions } from "./sync.ts";
import { type Attempt, createWatches } from "./watch.ts";

export interface RefundsOptions extends Omit<EngineOptions, "records"> {
  /** Defaults to records that nothing else shares. */
  readonly records?: RefundRecords;
  readonly schedule: Omit<ScheduleOptions, "random">;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly onEvent: RefundListener;
  /** Shared with other replicas; without it the rate is this process's alone. */
  readonly budget?: SharedBudget;
}

/** What callers can do with refunds. Everything throws DaxPayFailure where there is no state. */
export interface Refunds {
  /** Syncs one refund now. */
  sync(request: RefundQuery, caller: Caller, options?: SyncOptions): Promise<RefundState>;
  /** Whether there is a query, which changes nothing, to learn a refund's state by. */
  canQuery(): boolean;
  /** Syncs many; yields each result as it arrives. */
  batch(requests: readonly RefundQuery[], caller: Caller): AsyncGenerator<BatchResult>;
  /** Syncs one repeatedly until its state is final; yields every outcome. */
  watch(request: RefundQuery, signal: AbortSignal): AsyncGenerator<Attempt>;
  stats(): Stats;
  /** Makes all further attempts with other options; those in progress end with theirs. */
  reconfigure(options: EngineOptions): void;
  /** Rejects all further calls, because the account is no longer configured; closes when those in progress have ended. */
  remove(): Promise<void>;
  /** Resolves when no sync is in progress, after `timeoutMs` at the latest. */
  drain(timeoutMs: number): Promise<void>;
  /** Closes the connections to DaxPay, so that requests in progress end. */
  close(): void;
}

/** The present state of the domain. */
export interface Stats {
  /** Jobs that wait in the queue. */
  readonly queueSize: number;
  /** Those of them for which nobody waits. */
  readonly backgroundQueueSize: number;
  /** Calls in progress, queued ones included; callers that share one count once. */
  readonly inFlight: number;
  readonly watchers: number;
  /** Clock.elapsed of the start of the oldest watch. */
  readonly oldestWatch: number | undefined;
  readonly breaker: BreakerState;
  /** Milliseconds that DaxPay's clock was ahead of ours in its last verified reply. */
  readonly skewMs: number | undefined;
  /** Refunds with a sync that was sent and not answered. */
  readonly inDoubt: number;
}

export function createRefunds(options: RefundsOptions): Refunds {
  const { clock, onEvent, budget } = options;
  const breaker = createBreaker(clock, (state) => onEvent({ type: "breaker", state }));
  const context = { clock, breaker, onEvent, ...(budget ? { budget } : {}) };
  let engine = createEngine({ ...options, records: options.records ?? createRefundRecords(clock) }, context);
  /** The present one, and earlier ones with calls in progress. */
  const engines = new Set([engine]);
  let removed = false;
  /** Calls, from the first attempt to the last; what one has sent has been answered or given up when it ends. */
  const running = new Set<Promise<RefundState>>();
  const calls = createSingleFlight<RefundState>(clock, () => onEvent({ type: "coalesced" }));
  const watches = createWatches(clock, { ...options.schedule, random: options.random });
  const retry = { ...options, engine: () => engine };
  let flowCount = 0;

  /** Turns go round between flows: one for each unary call, batch and watch. */
  const nextFlowId = () => String(flowCount++);

  async function sync(
    request: RefundQuery,
    caller: Caller,
    flow: string,
    options: SyncOptions = {},
  ): Promise<RefundState> {
    if (caller.timeoutMs <= 0) {
      throw new DaxPayFailure("DEADLINE_EXCEEDED", "Deadline exceeded before a request to DaxPay was sent");
    }
    if (removed) {
      throw new DaxPayFailure("INVALID_REQUEST", "The account is no longer configured", { delivery: "NOT_SENT" });
    }
    const key = options.queryOnly ? `query ${requestKey(request)}` : requestKey(request);
    return await calls.do(key, caller, (call) => {
      const outcome = syncWithRetry(request, flow, options, call, retry).finally(() => running.delete(outcome));
      running.add(outcome);
      return outcome;
    }, options.background);
  }

  /** Callers with the same key share one request, whatever client addresses they send. */
  function requestKey({ refundNo, bizRefundNo, nonceStr }: RefundQuery): string {
    return JSON.stringify([refundNo, bizRefundNo, engine.options.daxpay.release.nonce === "never" ? "" : nonceStr]);
  }

  /** Closes an engine when the calls that may use it have ended. Its queue may be the next one's; an empty one holds nothing. */
  async function retire(retired: Engine): Promise<void> {
    await Promise.allSettled(running);
    if (engines.delete(retired)) retired.close();
  }

  function close(): void {
    for (const { rateLimiter } of engines) rateLimiter.close();
    for (const engine of engines) engine.close();
    engines.clear();
  }

  return {
    sync: (request, caller, options) => sync(request, caller, nextFlowId(), options),
    canQuery: () => effectiveQueryMode(engine.options.queryMode, engine.options.daxpay.release) !== "off",
    async *batch(requests, caller) {
      const flow = nextFlowId();
      const deadline = clock.elapsed() + caller.timeoutMs;
      const stop = new AbortController();
      const onAbort = () => stop.abort(caller.signal.reason);
      caller.signal.addEventListener("abort", onAbort, { once: true });
      try {
        yield* runBatch(requests, {
          keyOf: requestKey,
          sync: (request) => sync(request, { signal: stop.signal, timeoutMs: deadline - clock.elapsed() }, flow),
          window: engine.options.rateLimit.concurrency,
          signal: stop.signal,
        });
      } finally {
        caller.signal.removeEventListener("abort", onAbort);
        stop.abort();
      }
    },
    watch(request, signal) {
      const flow = nextFlowId();
      const key = requestKey(request);
      return watches.watch(key, signal, {
        sync: (caller, attempt) => sync(request, caller, flow, { attempt }),
        find: async () => await engine.options.shared?.find(request),
        isSyncing: () => calls.isSyncing(key),
      });
    },
    stats: () => ({
      queueSize: engine.rateLimiter.queueSize(),
      backgroundQueueSize: engine.rateLimiter.backgroundQueueSize(),
      inFlight: calls.size(),
      watchers: watches.watchers(),
      oldestWatch: watches.oldestStartedAt(),
      breaker: breaker.state(),
      skewMs: engine.options.daxpay.skewMs(),
      inDoubt: engine.syncer.inDoubt(),
    }),
    async drain(timeoutMs) {
      await within(clock, timeoutMs, Promise.all([...engines].map(({ syncer }) => syncer.idle())));
    },
    reconfigure(changed) {
      const last = engine;
      engine = createEngine(changed, context, last);
      engines.add(engine);
      retire(last);
    },
    async remove() {
      removed = true;
      // Once more at least: a call starts an instant after it was made.
      do await Promise.allSettled(running); while (running.size > 0);
      close();
    },
    close,
  };
}
