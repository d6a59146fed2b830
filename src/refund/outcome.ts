import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundState } from "./state.ts";

/** A state, or why there is none. */
export type Outcome = RefundState | DaxPayFailure;

/** Turns a rejection with a DaxPayFailure into a value; others are bugs or cancellations and stay rejections. */
export async function outcomeOf(sync: Promise<RefundState>): Promise<Outcome> {
  try {
    return await sync;
  } catch (error) {
    if (error instanceof DaxPayFailure) return error;
    throw error;
  }
}
