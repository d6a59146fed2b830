import type { Outcome } from "../outcome.ts";
import type { RefundRef } from "../route.ts";

/** One refund of a batch. */
export interface Row {
  /** Position in the list, from 0. */
  readonly index: number;
  readonly refundRef: RefundRef;
  /** Undefined until the result is received. */
  readonly outcome: Outcome | undefined;
}

export function hasState({ outcome }: Row): boolean {
  return outcome?.case === "refund";
}
