import type { ChannelState } from "../../../src/sandbox/channel.ts";
import type { NewRefund } from "../../../src/sandbox/rows.ts";
import type { Random } from "../chaos-random.ts";

/** Milliseconds of DaxPay's longest call to a channel. */
export const LONGEST_CHANNEL_MS = 5_000;

/** Neighbours that share a payment order. */
const PER_ORDER = 2;
/** The part of the refunds whose channel takes seconds. */
const SLOW = 0.08;
const SLOW_MS: readonly [number, ...number[]] = [1_500, 2_800, LONGEST_CHANNEL_MS];
const LAST_STATES: readonly [ChannelState, ...ChannelState[]] = ["CLOSED", "CLOSED", "CLOSED", "SUCCESS", "CHANGE"];
const UNENDING: readonly ChannelState[] = ["PROCESSING"];
const FAILURES: readonly [ChannelState, ...ChannelState[]] = ["ERROR", "NETWORK_ERROR", "UNPARSABLE"];

/** A refund as DaxPay has it from the start of a run, and when it begins to be tracked. */
export interface PlannedRefund {
  readonly refund: NewRefund & { readonly bizRefundNo: string };
  /** Whether it is tracked by its bizRefundNo. */
  readonly byBizRefundNo: boolean;
}

export function planRefunds(count: number, random: Random): PlannedRefund[] {
  return Array.from({ length: count }, (_, index) => {
    const state = statesOf(random);
    // One that stays in progress would be in doubt again and again.
    const isSlow = random.chance(SLOW) && state !== UNENDING;
    return {
      refund: {
        refundNo: `R-${index}`,
        bizRefundNo: `B-${index}`,
        orderNo: `P-${Math.floor(index / PER_ORDER)}`,
        state,
        latencyMs: isSlow ? random.pick(SLOW_MS) : random.between(20, 200),
      },
      byBizRefundNo: random.chance(0.3),
    };
  });
}

/** Most end with their first sync; one in progress is synced again after 10 s, a failed one after 30 s. */
function statesOf(random: Random): readonly ChannelState[] {
  const last = random.pick(LAST_STATES);
  const kind = random.next();
  if (kind < 0.6) return [last];
  if (kind < 0.85) return ["PROCESSING", last];
  if (kind < 0.95) return [random.pick(FAILURES), last];
  return UNENDING;
}
