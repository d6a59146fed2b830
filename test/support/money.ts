import fc from "fast-check";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { ChannelState } from "../../src/sandbox/channel.ts";

/** The refunds of the tests with books, all of one payment order. */
export const REFUNDS = ["R0", "R1", "R2"] as const;

/** A refund before a test. */
export interface Setup {
  readonly status: "progress" | "fail" | "close" | "success";
  readonly state: ChannelState;
  readonly latencyMs: number;
  readonly channel: "wechat_pay" | "ali_pay";
}

export const state = fc.constantFrom<ChannelState>(
  "PROCESSING",
  "CLOSED",
  "CLOSED",
  "CLOSED",
  "CLOSED",
  "CHANGE",
  "SUCCESS",
  "ERROR",
  "NETWORK_ERROR",
  "UNPARSABLE",
);
export const latencyMs = fc.constantFrom(0, 300, 13_000, 13_000, 40_000, 40_000);
/** Mostly one refund, whose calls meet. */
export const refund = fc.constantFrom(0, 0, 0, 0, 1, 2);
export const request: fc.Arbitrary<RefundQuery> = fc.record({
  refund,
  by: fc.constantFrom("refundNo", "bizRefundNo", "both"),
  clientIp: fc.constantFrom("", "10.0.0.1", "10.0.0.2"),
  nonceStr: fc.constantFrom("", "", "nonce-1", "nonce-2"),
}).map(({ refund, by, clientIp, nonceStr }) => ({
  refundNo: by === "bizRefundNo" ? "" : REFUNDS[refund],
  bizRefundNo: by === "refundNo" ? "" : `B-${REFUNDS[refund]}`,
  clientIp,
  nonceStr,
}));
const setup: fc.Arbitrary<Setup> = fc.record({
  status: fc.constantFrom<Setup["status"]>("progress", "progress", "progress", "fail", "close", "success"),
  state,
  latencyMs,
  channel: fc.constantFrom<Setup["channel"]>("wechat_pay", "wechat_pay", "ali_pay"),
});

export const setups = fc.array(setup, { minLength: REFUNDS.length, maxLength: REFUNDS.length });
