import type { DaxPayFailure, Step } from "../daxpay/failure.ts";
import type { BreakerState } from "./breaker.ts";
import type { RefundState } from "./state.ts";

/** What happens in the domain and is worth a log record or a metric. */
export type RefundEvent =
  /** A request to DaxPay has ended. */
  | { readonly type: "request"; readonly step: Step; readonly ms: number; readonly failure: DaxPayFailure | undefined }
  /** A failed call is about to be retried. */
  | { readonly type: "retry"; readonly failure: DaxPayFailure; readonly delayMs: number }
  /** A caller shares the request of another. */
  | { readonly type: "coalesced" }
  /** A job left the queue. */
  | { readonly type: "dequeued"; readonly ms: number }
  /** DaxPay or a channel asked for fewer requests, so nothing is sent for a while. */
  | { readonly type: "throttled"; readonly ms: number }
  | { readonly type: "breaker"; readonly state: BreakerState }
  /** A sync was sent and not answered: only queries are sent until it is settled. */
  | { readonly type: "doubt"; readonly refundNo: string; readonly orderNo: string | undefined; readonly ms: number }
  /** The database is unavailable, or replaced, so a sync was not sent; `continued`: so it was sent without a claim. */
  | { readonly type: "storeAway"; readonly refundNo: string; readonly replaced: boolean; readonly continued: boolean }
  /** A verified state contradicts an earlier SUCCEEDED or CLOSED one. Callers get the later one. */
  | { readonly type: "conflict"; readonly before: RefundState; readonly after: RefundState }
  /**
   * A sync of this service ended with CLOSED on a release that books the amount with every such sync. If DaxPay closed the
   * refund on its own between the query and the sync, the amount is booked twice: no reply tells.
   */
  | { readonly type: "closedBySync"; readonly state: RefundState };

export type RefundListener = (event: RefundEvent) => void;
