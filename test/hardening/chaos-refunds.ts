import type { ChannelState } from "../../src/sandbox/channel.ts";
import type { NewRefund } from "../../src/sandbox/rows.ts";
import type { Random } from "./chaos-random.ts";

/** Refunds that had ended before the service started. */
export const ENDED = ["CHAOS-CLOSED", "CHAOS-SUCCEEDED"] as const;
/** Milliseconds of DaxPay's longest call to a channel; its lock lasts 10 s. */
export const LONGEST_CHANNEL_MS = 13_000;

/** Refunds that callers use at the same time, and the milliseconds after which the next one replaces the oldest. */
const CURRENT = 4;
const REPLACE_MS = 6_000;
/** Neighbours that share a payment order, whose refunds exclude each other on beta4. */
const PER_ORDER = 2;

const LATENCIES_MS: readonly [number, ...number[]] = [0, 1_000, 4_000, 6_000, 8_000, 9_500, LONGEST_CHANNEL_MS];
const FIRST_STATES: readonly [ChannelState, ...ChannelState[]] = [
  "PROCESSING",
  "ERROR",
  "NETWORK_ERROR",
  "UNPARSABLE",
  "CLOSED",
  "CLOSED",
];
const LAST_STATES: readonly [ChannelState, ...ChannelState[]] = ["CLOSED", "CLOSED", "CLOSED", "SUCCESS", "CHANGE"];

export const refundNoAt = (index: number) => `CHAOS-${index}`;
export const bizRefundNoOf = (refundNo: string) => `B-${refundNo}`;

/** Index of a refund that callers use at this time. */
export function currentIndex(elapsedMs: number, random: Random): number {
  return Math.floor(elapsedMs / REPLACE_MS) + random.between(0, CURRENT);
}

/** All refunds of a run, in DaxPay from its start. */
export function planRefunds(seconds: number, random: Random): NewRefund[] {
  const count = Math.ceil(seconds * 1000 / REPLACE_MS) + CURRENT;
  const open = Array.from({ length: count }, (_, index): NewRefund => {
    const refundNo = refundNoAt(index);
    const firstStates = Array.from({ length: random.between(0, 3) }, () => random.pick(FIRST_STATES));
    return {
      refundNo,
      bizRefundNo: bizRefundNoOf(refundNo),
      orderNo: `P-CHAOS-${Math.floor(index / PER_ORDER)}`,
      state: [...firstStates, random.pick(LAST_STATES)],
      latencyMs: random.pick(LATENCIES_MS),
    };
  });
  const ended = ENDED.map((refundNo, index): NewRefund => ({
    refundNo,
    bizRefundNo: bizRefundNoOf(refundNo),
    status: index === 0 ? "close" : "success",
    state: "CLOSED",
  }));
  return [...ended, ...open];
}
