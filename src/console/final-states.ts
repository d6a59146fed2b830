import type { Refund } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import type { Outcome } from "./outcome.ts";

/** The final states that this page has received since it was opened. */
export interface FinalStates {
  /** Remembers a final state, and marks a state that contradicts an earlier final one. */
  check(outcome: Outcome): Outcome;
}

export function createFinalStates(): FinalStates {
  const states = new Map<string, Refund>();
  return {
    check(outcome) {
      if (outcome.case !== "refund") return outcome;
      const refund = outcome.value;
      const key = JSON.stringify([refund.account, refund.refundNo || { biz: refund.bizRefundNo }]);
      const earlier = states.get(key);
      if (!earlier && refund.final) states.set(key, refund);
      return earlier && earlier.status !== refund.status ? { ...outcome, contradicts: earlier } : outcome;
    },
  };
}
