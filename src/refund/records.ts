import type { Clock } from "./clock.ts";
import { createDoubts, type Doubts } from "./doubt.ts";
import { createRefundMemory, type RefundMemory } from "./memory.ts";
import type { RefundState } from "./state.ts";

/** A sync in progress. */
export interface Lock {
  readonly refundNo: string;
  /** Undefined where it came to no sync. */
  readonly outcome: Promise<RefundState | undefined>;
}

/**
 * What must not be synced now or again. All accounts of one merchant at one DaxPay share it, since a refund that two of them
 * name is the same one; it outlives their configuration.
 */
export interface RefundRecords {
  readonly memory: RefundMemory;
  readonly doubts: Doubts;
  /** By refund or, on beta4, by payment order. */
  readonly locks: Map<string, Lock>;
  /** Clock.elapsed of the creation. */
  readonly createdAt: number;
}

export function createRefundRecords(clock: Clock): RefundRecords {
  return {
    memory: createRefundMemory(clock.now),
    doubts: createDoubts(clock),
    locks: new Map(),
    createdAt: clock.elapsed(),
  };
}
