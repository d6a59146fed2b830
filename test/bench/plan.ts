import type { BatchPlan } from "./work/batch.ts";
import type { CrowdPlan } from "./work/crowd.ts";
import type { HttpClientPlan } from "./work/http-client.ts";
import type { MemoryPlan } from "./work/memory.ts";
import type { UnaryPlan } from "./work/unary.ts";
import type { WatchPlan } from "./work/watch.ts";

/** How much of everything is measured. */
export interface Plan {
  /** With an upstream that answers at once, and with one that takes 50 ms. */
  readonly unary: UnaryPlan;
  readonly slowUnary: UnaryPlan;
  readonly crowd: CrowdPlan;
  readonly batch: BatchPlan;
  readonly watch: WatchPlan;
  readonly starts: number;
  readonly memory: MemoryPlan;
  readonly httpClient: HttpClientPlan;
  readonly profileMs: number;
}

export const PLANS: Readonly<Record<"quick" | "full", Plan>> = {
  /** Under a minute. */
  quick: {
    unary: { rounds: 3, callers: [1, 16, 64], ms: 150, warmMs: 300 },
    slowUnary: { rounds: 1, callers: [64], ms: 200, warmMs: 50 },
    crowd: { rounds: 1, callers: 500, limitMs: 1_000 },
    batch: { rounds: 1, size: 1000 },
    watch: { counts: [500], idleMs: 1_000 },
    starts: 1,
    memory: { calls: [300, 1500] },
    httpClient: { rounds: 3, exchanges: 500 },
    profileMs: 4_000,
  },
  /** About ten minutes. V8 needs some ten thousand calls until it has optimized the service. */
  full: {
    unary: { rounds: 7, callers: [1, 16, 64], ms: 1_000, warmMs: 8_000 },
    slowUnary: { rounds: 3, callers: [1, 16, 64], ms: 1_000, warmMs: 500 },
    crowd: { rounds: 3, callers: 500, limitMs: 10_000 },
    batch: { rounds: 5, size: 1000 },
    watch: { counts: [1000, 10_000], idleMs: 5_000 },
    starts: 7,
    memory: { calls: [10_000, 100_000] },
    httpClient: { rounds: 7, exchanges: 3_000 },
    profileMs: 15_000,
  },
};
