import type { Clock } from "../refund/clock.ts";
import type { OpenClaim } from "../store/refunds.ts";

/** How long claims count, in milliseconds. */
export interface ClaimTimes {
  /** Until which a claimed sync must be sent. */
  readonly sendMs: number;
  /** After which the replica that sent it has its answer or has given up. */
  readonly answerMs: number;
  /** After which a sync that was sent is over in DaxPay; see SyncerOptions.settleTimeoutMs. */
  readonly settleMs: number;
}

/** What a claim in the database means to this replica. */
export type Observation =
  /** Its sync may be in progress. */
  | { readonly kind: "live" }
  /** Its sync may still be running in DaxPay, for this many milliseconds at most. */
  | { readonly kind: "doubt"; readonly ms: number }
  /** Its sync is over. */
  | { readonly kind: "over" };

/**
 * How long this replica has known the claims of others. No clock but its own ends one: the database's may be changed, and
 * that of the replica that holds the claim cannot be read. A claim that is seen first after a restart is as old as that.
 */
export interface ClaimObserver {
  observe(claim: OpenClaim, times: ClaimTimes): Observation;
}

/** More are forgotten, the oldest first; they are then counted anew. */
const MAX_CLAIMS = 100_000;

interface Seen {
  /** Clock.elapsed. */
  readonly firstAt: number;
  doubtAt: number | undefined;
}

export function createClaimObserver(clock: Clock): ClaimObserver {
  const seen = new Map<string, Seen>();

  return {
    observe({ claim, in_doubt }, { sendMs, answerMs, settleMs }) {
      const now = clock.elapsed();
      const entry = seen.get(claim) ?? { firstAt: now, doubtAt: undefined };
      seen.set(claim, entry);
      const [oldest] = seen.keys();
      if (seen.size > MAX_CLAIMS) seen.delete(oldest);
      if (in_doubt) entry.doubtAt ??= now;
      // Whoever holds the claim sends within `sendMs`, or has sent before it says that it is in doubt.
      const overAt = Math.min(entry.firstAt + sendMs, entry.doubtAt ?? Infinity) + settleMs;
      if (now >= overAt) return { kind: "over" };
      return entry.doubtAt === undefined && now < entry.firstAt + answerMs
        ? { kind: "live" }
        : { kind: "doubt", ms: overAt - now };
    },
  };
}
