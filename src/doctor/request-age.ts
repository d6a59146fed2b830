import { type Release, type ReleaseName, RELEASES } from "../daxpay/release.ts";
import type { Attempt } from "./attempt.ts";
import type { Probe } from "./probe.ts";
import { describeReply } from "./quote.ts";
import { attemptOnce } from "./search.ts";
import { inconclusive, type Reason, type Step, step, warning } from "./step.ts";

const DAY_MS = 24 * 3600 * 1000;

/**
 * Whether DaxPay rejects a request that reaches it late. If not, a delayed sync may still be processed after
 * `settleTimeoutMs`, when the service counts it as over. `aheadMs` is how far DaxPay's clock is ahead of ours.
 */
export async function checkRequestAge(
  attempt: Attempt,
  probe: Probe,
  settleTimeoutMs: number,
  aheadMs: number,
): Promise<Step> {
  const limit = `${settleTimeoutMs / 1000} s (DAXPAY_SETTLE_TIMEOUT)`;
  const young = await sendAged(attempt, probe, aheadMs - settleTimeoutMs);
  if (young.outcome === "rejected") {
    return step("requestAge", `a request older than ${limit} is rejected with ${young.reply}`);
  }
  if (young.outcome === "unknown") return inconclusive("requestAge", `could not be checked: ${young.reply}`);
  const old = await sendAged(attempt, probe, aheadMs - DAY_MS);
  if (old.outcome === "unknown") return inconclusive("requestAge", `could not be checked: ${old.reply}`);
  const { resyncsClosed }: Release = RELEASES[attempt.release];
  const harmless = `a sync that is processed late is harmless on ${attempt.release}`;
  if (old.outcome === "rejected") {
    if (resyncsClosed) return step("requestAge", `a request that is a day old is rejected, and ${harmless}`);
    return warning("requestAge", `a request that is a day old is rejected, but one of ${limit} is not`, [TOO_SHORT]);
  }
  const found = "not limited: a request that is a day old is accepted";
  // A late sync of a closed refund changes nothing there.
  if (resyncsClosed) return step("requestAge", `${found}, and ${harmless}`);
  return warning("requestAge", found, [unlimited(attempt.release, limit)]);
}

type Aged = { readonly outcome: "accepted" | "rejected" | "unknown"; readonly reply: string };

async function sendAged(attempt: Attempt, probe: Probe, shiftMs: number): Promise<Aged> {
  const result = await attemptOnce(attempt, probe, { shiftMs });
  if (result.kind === "connectionFailure") return { outcome: "unknown", reply: result.found };
  const { interpretation } = result;
  const outcome = interpretation.verdict === "clockRejected"
    ? "rejected"
    : interpretation.verdict === "accepted"
    ? "accepted"
    : "unknown";
  return { outcome, reply: describeReply(interpretation) };
}

const TOO_SHORT: Reason = {
  cause: "SETTLE_TIMEOUT_TOO_SHORT",
  advice: "Raise DAXPAY_SETTLE_TIMEOUT to the maximum request age in DaxPay plus its longest request to a payment " +
    "channel, or lower that age: until then DaxPay may still process a sync that this service counts as over",
};

function unlimited(release: ReleaseName, limit: string): Reason {
  const remedy = release === "3.0.0"
    ? "Switch the request timeout (req_timeout) of the application on in DaxPay"
    : `${release} cannot limit it. DAXPAY_QUERY=only, which never syncs, avoids the risk`;
  return {
    cause: "REQUEST_AGE_UNLIMITED",
    advice: `A sync that a network or a proxy delays for more than ${limit} is still processed then, and may book a ` +
      `closed refund's amount a second time. ${remedy}; let nothing between this service and DaxPay queue or repeat ` +
      "requests",
  };
}
