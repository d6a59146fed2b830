import type { DaxPay } from "../daxpay/client.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { ask } from "./ask.ts";
import { type BatchResult, runBatch } from "./batch.ts";
import { type BreakerState, createBreaker } from "./breaker.ts";
import { type BudgetOptions, createBudget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import { createFinals } from "./finals.ts";
import { type Caller, createFlights } from "./flight.ts";
import { type Attempt, createFollows } from "./follow.ts";
import type { ScheduleOptions } from "./schedule.ts";
import { type RefundState, stateFrom } from "./state.ts";

export interface RefundsOptions {
  readonly daxpay: DaxPay;
  readonly budget: BudgetOptions;
  readonly schedule: Omit<ScheduleOptions, "random">;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly on: RefundListener;
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
  gauges(): Gauges;
  close(): void;
}

export interface Gauges {
  /** Questions that wait in line for DaxPay. */
  readonly waiting: number;
  /** Questions that wait or are being asked. */
  readonly flights: number;
  readonly watchers: number;
  /** When the oldest watch that is still going began, in milliseconds since 1970. */
  readonly oldestWatch: number | undefined;
  readonly breaker: BreakerState;
  /** How far DaxPay's clock was ahead of ours in its last verified reply, in milliseconds. */
  readonly skewMs: number | undefined;
}

export function createRefunds(options: RefundsOptions): Refunds {
  const { daxpay, clock, on } = options;
  const { release } = daxpay;
  const budget = createBudget(options.budget, clock);
  const breaker = createBreaker((state) => on({ type: "breaker", state }));
  const finals = createFinals();
  const flights = createFlights<RefundState>(clock, () => on({ type: "shared" }));
  const follows = createFollows(clock, { ...options.schedule, random: options.random });
  let lines = 0;

  /** Turns go round between lines: one for each unary call, batch and watch. */
  const newLine = () => String(lines++);

  async function sync(query: RefundQuery, caller: Caller, line: string): Promise<RefundState> {
    const known = finals.get(refundKey(query));
    // Asked about a closed refund, 3.x books its amount back a second time.
    if (known?.status === "CLOSED" && !release.resyncsClosed) return known;
    if (caller.timeoutMs <= 0) throw budget.exhausted();
    return await flights.join(questionKey(query), caller, async (flight) => {
      const report = await ask(query, line, flight, { ...options, budget, breaker });
      const state = stateFrom(report, query, release);
      const before = finals.note(refundKey(query), state);
      if (before) on({ type: "contradicted", before, after: state });
      return state;
    });
  }

  /** Everything that makes the request to DaxPay another one. */
  function questionKey({ refundNo, bizRefundNo, clientIp, nonceStr }: RefundQuery): string {
    return JSON.stringify([refundNo, bizRefundNo, clientIp, release.nonce === "never" ? "" : nonceStr]);
  }

  return {
    sync: (query, caller) => sync(query, caller, newLine()),
    async *batch(queries, caller) {
      const line = newLine();
      const deadline = clock.now() + caller.timeoutMs;
      const stop = new AbortController();
      const leave = () => stop.abort(caller.signal.reason);
      caller.signal.addEventListener("abort", leave, { once: true });
      try {
        yield* runBatch(queries, {
          keyOf: questionKey,
          sync: (query) => sync(query, { signal: stop.signal, timeoutMs: deadline - clock.now() }, line),
          window: options.budget.concurrency,
        });
      } finally {
        caller.signal.removeEventListener("abort", leave);
        stop.abort();
      }
    },
    watch(query, signal) {
      const line = newLine();
      return follows.follow(questionKey(query), signal, (caller) => sync(query, caller, line));
    },
    gauges: () => ({
      waiting: budget.waiting(),
      flights: flights.size(),
      watchers: follows.watchers(),
      oldestWatch: follows.oldest(),
      breaker: breaker.state(),
      skewMs: daxpay.skewMs(),
    }),
    close: () => budget.close(),
  };
}

/** With both numbers, refundNo decides. */
function refundKey({ refundNo, bizRefundNo }: RefundQuery): string {
  return refundNo ? `refundNo ${refundNo}` : `bizRefundNo ${bizRefundNo}`;
}
