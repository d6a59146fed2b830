import type { BatchPlan } from "./work/batch.ts";
import type { HttpClientPlan } from "./work/http-client.ts";
import type { MemoryPlan } from "./work/memory.ts";
import type { QueryFirstPlan } from "./work/query-first.ts";
import type { SameRefundPlan } from "./work/same-refund.ts";
import type { UnaryPlan } from "./work/unary.ts";
import type { WatchesPlan } from "./work/watches.ts";

/** Sizes and durations of all measurements. The `slow` ones run against a channel that takes 50 ms. */
export interface Plan {
  readonly unary: UnaryPlan;
  readonly slowUnary: UnaryPlan;
  readonly queryFirst: QueryFirstPlan;
  readonly slowQueryFirst: QueryFirstPlan;
  readonly sameRefund: SameRefundPlan;
  readonly batch: BatchPlan;
  readonly watches: WatchesPlan;
  readonly starts: number;
  readonly memory: MemoryPlan;
  readonly httpClient: HttpClientPlan;
  readonly profileMs: number;
}

export const PLANS: Readonly<Record<"quick" | "full", Plan>> = {
  /** About a minute. */
  quick: {
    unary: { rounds: 3, callers: [1, 16, 64], ms: 150, warmUpMs: 300 },
    slowUnary: { rounds: 1, callers: [64], ms: 200, warmUpMs: 50 },
    queryFirst: { rounds: 3, callers: 16, ms: 150, warmUpMs: 300 },
    slowQueryFirst: { rounds: 1, callers: 16, ms: 200, warmUpMs: 50 },
    sameRefund: { rounds: 1, callers: 500, limitMs: 1_000 },
    batch: { rounds: 1, size: 1000 },
    watches: { counts: [500], idleMs: 1_000 },
    starts: 1,
    memory: { calls: [300, 1500] },
    httpClient: { rounds: 3, exchanges: 500 },
    profileMs: 4_000,
  },
  /** About a quarter of an hour. V8 needs tens of thousands of calls to optimize the service. */
  full: {
    unary: { rounds: 7, callers: [1, 16, 64], ms: 1_000, warmUpMs: 8_000 },
    slowUnary: { rounds: 3, callers: [1, 16, 64], ms: 1_000, warmUpMs: 500 },
    queryFirst: { rounds: 7, callers: 16, ms: 1_000, warmUpMs: 8_000 },
    slowQueryFirst: { rounds: 3, callers: 16, ms: 1_000, warmUpMs: 2_000 },
    sameRefund: { rounds: 3, callers: 500, limitMs: 10_000 },
    batch: { rounds: 5, size: 1000 },
    watches: { counts: [1000, 10_000], idleMs: 5_000 },
    starts: 7,
    memory: { calls: [10_000, 100_000] },
    httpClient: { rounds: 7, exchanges: 3_000 },
    profileMs: 15_000,
  },
};
