import type { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundState } from "./state.ts";

/** What happens within the domain and is worth a log line or a number. */
export type RefundEvent =
  /** One request to DaxPay has ended. */
  | { readonly type: "asked"; readonly ms: number; readonly failure: DaxPayFailure | undefined }
  /** A failed request is about to be repeated. */
  | { readonly type: "repeated"; readonly failure: DaxPayFailure; readonly waitMs: number }
  /** A caller joined a question that was being asked already. */
  | { readonly type: "shared" }
  /** A question waited in line for so long before it was asked. */
  | { readonly type: "waited"; readonly ms: number }
  /** DaxPay or a channel asked for patience, so nothing is asked for so long. */
  | { readonly type: "paused"; readonly ms: number }
  | { readonly type: "breaker"; readonly state: "closed" | "open" | "half-open" }
  /** A verified answer contradicts an earlier one that was final. Callers get the newer one. */
  | { readonly type: "contradicted"; readonly before: RefundState; readonly after: RefundState };

export type RefundListener = (event: RefundEvent) => void;
