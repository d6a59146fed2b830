import type { DaxPay } from "../daxpay/client.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { type RefundState, stateFrom } from "./state.ts";

/** Who waits for an answer, and how long. */
export interface Caller {
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Milliseconds that are left. */
  readonly timeoutMs: number;
}

/** What can be asked about refunds. Everything throws DaxPayFailure where there is no state. */
export interface Refunds {
  /** Syncs one refund now. */
  sync(query: RefundQuery, caller: Caller): Promise<RefundState>;
}

export function createRefunds(daxpay: DaxPay): Refunds {
  return {
    async sync(query, caller) {
      return stateFrom(await daxpay.sync(query, caller), query, daxpay.release);
    },
  };
}
