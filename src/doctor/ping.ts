import { joined } from "../daxpay/flatten.ts";
import type { JsonObject } from "../daxpay/json.ts";
import type { Attempt } from "./attempt.ts";
import type { Probe } from "./probe.ts";
import { describeReply, quote } from "./quote.ts";
import { attemptOnce, type ProbeResult } from "./search.ts";
import { type Reason, type Step, step } from "./step.ts";

/** v4's signed ping: the whole check of a request, without a refund. */
const PING_PATH = "/unipay/ping";
/** DaxPay's text before the string that it has verified the ping's signature against. */
const PING_REJECTED = /^(?:验签失败|Signature verification failed)\s*[:：]\s*/i;

/** Finds out why v4 rejects the signature: an older beta, a request that arrives changed, or a wrong key. */
export async function diagnoseKeys({ attempt, interpretation }: ProbeResult, probe: Probe): Promise<Step> {
  const rejected = `rejected with ${describeReply(interpretation)}`;
  const older = await attemptOnce({ ...attempt, variant: "utcTime" }, probe);
  if (older.kind === "result" && isAcceptedOrLate(older)) {
    return step("signature", `${rejected}; accepted as betas before 4.0.0-beta sign`, [OLDER_BETA]);
  }
  const ping = await pingOnce(attempt, probe);
  if (ping === undefined) {
    return step("signature", `${rejected}; this DaxPay has no ${PING_PATH} that shows what it verified`, [
      WRONG_PRIVATE_KEY,
    ]);
  }
  const difference = differenceOf(ping.ours, ping.theirs);
  if (difference === undefined) {
    return step("signature", `${rejected}, although DaxPay verified exactly the signed string`, [WRONG_PRIVATE_KEY]);
  }
  const isOlder = /reqTime=\d{4}-\d\d-\d\dT/.test(ping.theirs);
  return step("signature", `${rejected}; the signed strings differ: ${difference}`, [isOlder ? OLDER_BETA : CHANGED]);
}

function isAcceptedOrLate({ interpretation: { verdict } }: ProbeResult): boolean {
  return verdict === "accepted" || verdict === "clockRejected";
}

interface Strings {
  readonly ours: string;
  readonly theirs: string;
}

/** The string that was signed for a ping, and the one that DaxPay verified; undefined where its reply shows none. */
async function pingOnce(attempt: Attempt, probe: Probe): Promise<Strings | undefined> {
  const result = await attemptOnce({ ...attempt, path: PING_PATH }, probe, { refund: NO_REFUND });
  if (result.kind === "connectionFailure") return undefined;
  const theirs = stringFrom(result);
  if (theirs === undefined) return undefined;
  const members: Record<string, string> = JSON.parse(result.answer.request.body);
  return { ours: joined(Object.entries(members)), theirs };
}

const NO_REFUND = { refundNo: "", bizRefundNo: "", clientIp: "", nonceStr: "" };

function stringFrom({ interpretation: { text, envelope } }: ProbeResult): string | undefined {
  if (PING_REJECTED.test(text)) return text.replace(PING_REJECTED, "");
  const data = envelope?.members.get("data");
  const shown = data?.type === "object" ? (data as JsonObject).members.get("serverSignStr") : undefined;
  return shown?.type === "string" ? shown.value : undefined;
}

/** Characters that are shown before and from the difference on. */
const BEFORE = 12;
const AFTER = 24;

/** Describes the first character in which the strings differ; undefined where they are equal. */
function differenceOf(ours: string, theirs: string): string | undefined {
  if (ours === theirs) return undefined;
  const length = Math.min(ours.length, theirs.length);
  let index = 0;
  while (index < length && ours[index] === theirs[index]) index++;
  const excerpt = (text: string) =>
    index < text.length ? quote(text.slice(Math.max(0, index - BEFORE), index + AFTER)) : "its end";
  return `from character ${index + 1} on, this service signed ${excerpt(ours)} and DaxPay verified ${excerpt(theirs)}`;
}

const OLDER_BETA: Reason = {
  cause: "RELEASE_UNSUPPORTED",
  advice: "This is a beta of DaxPay v4 that signs times in UTC and whose replies cannot all be verified, which this " +
    "service does not support: upgrade DaxPay to a beta from September 2026 or later",
};

const CHANGED: Reason = {
  cause: "REQUEST_CHANGED",
  advice:
    "Something between this service and DaxPay changes requests, or this DaxPay signs in a way that this version " +
    "does not know: check the proxies in front of DaxPay",
};

const WRONG_PRIVATE_KEY: Reason = {
  cause: "WRONG_PRIVATE_KEY",
  advice: "DaxPay has another public key for this merchant: enter the one of DAXPAY_PRIVATE_KEY (商户公钥) in its " +
    "administration, or set DAXPAY_PRIVATE_KEY to the key whose public one DaxPay has. Check DAXPAY_MCH_NO too, which " +
    "selects the key",
};
