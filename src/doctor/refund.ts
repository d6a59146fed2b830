import { readQueryReply, type RefundReport } from "../daxpay/reply.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import type { Attempt } from "./attempt.ts";
import type { DoctorOptions } from "./options.ts";
import type { Probe } from "./probe.ts";
import { noQuery, queryAttempt } from "./query.ts";
import { describeReply, quote } from "./quote.ts";
import { readResult } from "./reply.ts";
import { attemptOnce, type ProbeResult } from "./search.ts";
import { inconclusive, type Reason, skipped, type Step, step } from "./step.ts";

/** What the query of a real refund shows. */
export interface RefundCheck {
  readonly step: Step;
  /** Set where a reply was received. */
  readonly result?: ProbeResult;
  /** Milliseconds by which DaxPay's clock is ahead of ours, if the reply is verified. */
  readonly skewMs?: number;
}

/** Queries a real refund, which changes nothing; it is never synced. `aheadMs`: how far DaxPay's clock is ahead of ours. */
export async function checkRefund(
  refundNo: string,
  attempt: Attempt,
  probe: Probe,
  options: DoctorOptions,
  aheadMs: number,
): Promise<RefundCheck> {
  const query = queryAttempt(attempt);
  if (!query) {
    return { step: skipped("refund", `${noQuery(attempt.release)}, and a sync would not be harmless`) };
  }
  const refund = { ...probe.unknownRefund, refundNo };
  const result = await attemptOnce(query, probe, { refund, shiftMs: aheadMs });
  if (result.kind === "connectionFailure") return { step: inconclusive("refund", result.found) };
  const reading = readResult(result, refund, options, readQueryReply);
  if (reading.kind === "failure") {
    const { reason, message } = reading.failure;
    if (reason === "REFUND_NOT_FOUND") {
      return { step: step("refund", `unknown: ${describeReply(result.interpretation)}`, [UNKNOWN]), result };
    }
    const found = reason === "REPLY_UNVERIFIED" ? "the reply does not verify" : quote(message);
    return { step: step("refund", found, [UNREADABLE]), result };
  }
  const other = await isOfOtherApp(reading, query, probe, options, aheadMs);
  const channel = reading.channel ? ` by ${quote(reading.channel)}` : "";
  return {
    step: step("refund", `verified: ${quote(reading.daxpayStatus)}${channel}`, other ? [OTHER_APP] : []),
    result,
    skewMs: reading.skewMs,
  };
}

/** Whether 3.x's query found another application's refund, which the service does not sync. */
async function isOfOtherApp(
  { appId, bizRefundNo }: RefundReport,
  query: Attempt,
  probe: Probe,
  options: DoctorOptions,
  aheadMs: number,
): Promise<boolean> {
  if (appId !== undefined) return appId !== options.appId;
  if (query.release !== "3.0.0" || !bizRefundNo) return false;
  // Only a look-up by bizRefundNo is limited to the application.
  const refund: RefundQuery = { ...probe.unknownRefund, refundNo: "", bizRefundNo };
  const result = await attemptOnce(query, probe, { refund, shiftMs: aheadMs });
  if (result.kind === "connectionFailure") return false;
  const reading = readResult(result, refund, options, readQueryReply);
  return reading.kind === "failure" && reading.failure.reason === "REFUND_NOT_FOUND";
}

const UNKNOWN: Reason = {
  cause: "REFUND_UNKNOWN",
  advice: "Give DaxPay's own number of a refund (退款号, not 商户退款号) that DaxPay has under this configuration",
};

const UNREADABLE: Reason = {
  cause: "REPLY_UNREADABLE",
  advice:
    "This service would reject the reply: check whether a proxy changes it; if none does, this DaxPay is none of " +
    "the known releases",
};

const OTHER_APP: Reason = {
  cause: "REFUND_OF_OTHER_APP",
  advice: "The refund belongs to another application of DaxPay, with whose channels a sync would not be made: this " +
    "service refuses to sync it. Give a refund of DAXPAY_APP_ID",
};
