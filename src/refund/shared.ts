import type { Evidence } from "../daxpay/evidence.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import type { RefundState } from "./state.ts";

/** A refund as a sync names it. */
export interface SharedRefund {
  readonly refundNo: string;
  /** Where `bound`, empty unless a signed reply shows that it is a number of this application. */
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
  /** A sync was answered since the call began or shortly before, with this state if it is known. */
  | { readonly kind: "synced"; readonly state: RefundState | undefined }
  /** Another replica is syncing it; `ended` resolves when that is over, or may be. */
  | { readonly kind: "held"; readonly ended: Promise<void> }
  /** A sync may still be running in DaxPay, for this many milliseconds at most. */
  | { readonly kind: "doubt"; readonly ms: number }
  /**
   * The database is unavailable, or not the one that the service has written to (`replaced`). `mayContinue`: whether the
   * operator lets a sync be sent without a claim all the same.
   */
  | { readonly kind: "away"; readonly replaced: boolean; readonly mayContinue: boolean };

/** What an attempt has led to. */
export interface AttemptResult {
  readonly refund: SharedRefund;
  /** Number of the attempt in its schedule, from 1; undefined where no schedule made it. */
  readonly attempt: number | undefined;
  /** Undefined where no sync was sent. */
  readonly claim: Claim | undefined;
  /** What became of the claimed sync: DOUBT where it may still be running in DaxPay. */
  readonly sync: "NOT_SENT" | "DOUBT" | "ANSWERED" | undefined;
  readonly verified: VerifiedState | undefined;
}

/** A verified state and what proves it. */
export interface VerifiedState {
  readonly state: RefundState;
  readonly evidence: Evidence;
  /** Clock.elapsed when its request was sent: a state that was recorded later is newer. */
  readonly sentAt: number;
}

/** What is known of a refund from earlier attempts, also of other replicas and before a restart. */
export interface KnownRefund {
  readonly state: RefundState | undefined;
  /** Number of attempts by schedules. */
  readonly attempts: number;
  /** Milliseconds until the next attempt may be made; 0: now. */
  readonly dueInMs: number;
  /** Whether it is tracked, so that others make its attempts. */
  readonly tracked: boolean;
}

/** What all replicas know and agree on, for one account. */
export interface SharedRecords {
  /**
   * Claims the refund for one sync, and commits that before it resolves. `callMs` is how long ago the call began, for
   * which a sync that was answered since then, or shortly before, is as good as its own; undefined where it wants one of
   * its own. A refund
   * that is not `bound` is only held by a sync in progress: its release may be synced again. Never throws.
   */
  claim(refund: SharedRefund, callMs: number | undefined): Promise<ClaimResult>;
  /**
   * Records what an attempt has led to, and ends its claim. Returns since when the status has not changed, in epoch
   * milliseconds; undefined where that is not known. While the database is unavailable it keeps the result and records it
   * later. Never throws.
   */
  commit(result: AttemptResult): Promise<number | undefined>;
  /** What is known of the refund; undefined where nothing is, or the database is unavailable. */
  find(request: RefundQuery): Promise<KnownRefund | undefined>;
}
