import type { Evidence } from "../daxpay/evidence.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import type { RefundState } from "./state.ts";

/** A refund as a sync names it. */
export interface SharedRefund {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly orderNo: string | undefined;
  /** Whether a signed reply has named the refund; otherwise the numbers are the caller's. */
  readonly bound: boolean;
}

/** The right to send one sync. */
export interface Claim {
  readonly token: string;
  /** Clock.elapsed until which the sync must be sent; later another replica may have taken over. */
  readonly sendBefore: number;
}

/** Whether a sync may be sent now, and otherwise why not. */
export type ClaimResult =
  | { readonly kind: "granted"; readonly claim: Claim }
  /** It was once verified as SUCCEEDED or CLOSED. */
  | { readonly kind: "settled" }
  /** Another replica's sync was answered since the call began. */
  | { readonly kind: "synced" }
  /** Another replica is syncing it; `ended` resolves when that is over, or may be. */
  | { readonly kind: "held"; readonly ended: Promise<void> }
  /** A sync may still be running in DaxPay, for this many milliseconds at most. */
  | { readonly kind: "doubt"; readonly ms: number }
  /** The database is unavailable, or not the one that the service has written to. */
  | { readonly kind: "away"; readonly replaced: boolean };

/** What an attempt has led to. */
export interface AttemptResult {
  readonly refund: SharedRefund;
  /** Undefined where no sync was sent. */
  readonly claim: Claim | undefined;
  /** What became of the claimed sync: DOUBT where it may still be running in DaxPay. */
  readonly sync: "NOT_SENT" | "DOUBT" | "ANSWERED" | undefined;
  /** The last verified state, if there is one, and what proves it. */
  readonly state: RefundState | undefined;
  readonly evidence: Evidence | undefined;
}

/** What is known of a refund from earlier attempts, also of other replicas and before a restart. */
export interface KnownRefund {
  readonly state: RefundState | undefined;
  /** Number of attempts by schedules. */
  readonly attempts: number;
  /** Milliseconds until the next attempt may be made; 0: now. */
  readonly dueInMs: number;
}

/** What all replicas know and agree on, for one account. */
export interface SharedRecords {
  /**
   * Claims the refund for one sync, and commits that before it resolves. `callMs` is how long ago the call began, for
   * which a sync of another replica since then is as good as its own; undefined where it wants one of its own. Never throws.
   */
  claim(refund: SharedRefund, callMs: number | undefined): Promise<ClaimResult>;
  /**
   * Records what an attempt has led to, and ends its claim. Returns the state with `unchangedSince`. While the database is
   * unavailable it keeps the result and records it later. Never throws.
   */
  commit(result: AttemptResult): Promise<RefundState | undefined>;
  /** What is known of the refund; undefined where nothing is, or the database is unavailable. */
  find(request: RefundQuery): Promise<KnownRefund | undefined>;
}
