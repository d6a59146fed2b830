import type { DaxPayOptions } from "../daxpay/client.ts";
import type { Attempt } from "./attempt.ts";
import { isPathRight } from "./path.ts";
import { sayingWords } from "./quote.ts";
import { likelyRelease, releaseReasons } from "./release.ts";
import { isServed, type ProbeResult, type Search } from "./search.ts";
import { flawReason, flawWords } from "./secret.ts";
import { type Reason, skipped, type Step, step } from "./step.ts";

/** Whether DaxPay accepts our signature. */
export function signatureStep(found: Search, options: DaxPayOptions): Step {
  const { configured, match: fit, trials } = found;
  if (configured === fit) return step("signature", "accepted");
  if (fit) return differing(found, fit, options);
  // What another path says weighs more than the wrong one.
  const told = isPathRight(found) ? configured : trials.findLast(isServed);
  if (!told) return skipped("signature", "not examined, because no request came so far");
  const words = sayingWords(told.saying);
  if (told.saying.verdict === "early") {
    return step("signature", `not looked at: DaxPay answered ${words} before`, [
      ...releaseDoubts(found, options),
      refusal(told.saying.text),
    ]);
  }
  return step("signature", `refused with ${words}, as were all other ways to ask`, [
    WRONG_SECRET,
    ...releaseDoubts(found, options),
  ]);
}

const WRONG_SECRET: Reason = {
  cause: "WRONG_SECRET",
  advice:
    "The secret is wrong, or DaxPay holds another: copy it again from DaxPay's administration (签名密钥) to DAXPAY_SIGN_SECRET",
};

/** Another way to ask was accepted, so what is different there is what is wrong here. */
function differing(found: Search, fit: ProbeResult, options: DaxPayOptions): Step {
  const { configured } = found;
  const ways = waysOf(configured.attempt, fit.attempt).join(", ");
  if (!isPathRight(found)) {
    return step("signature", `accepted ${ways}`, signatureReasons(configured.attempt, fit.attempt));
  }
  const words = sayingWords(configured.saying);
  const first = configured.saying.verdict === "refused"
    ? `refused with ${words}`
    : `not looked at: DaxPay answered ${words} before`;
  return step("signature", `${first}; accepted ${ways}`, [
    ...(configured.attempt.release === fit.attempt.release ? [] : releaseReasons(fit.attempt.release, options)),
    ...signatureReasons(configured.attempt, fit.attempt),
  ]);
}

function waysOf(from: Attempt, to: Attempt): string[] {
  const ways: string[] = [];
  if (from.release !== to.release) ways.push(`when asked as ${to.release}`);
  else if (from.path !== to.path) ways.push(`at ${to.path}`);
  if (from.signType !== to.signType) ways.push(`with sign type ${to.signType}`);
  if (to.secret.flaw) ways.push(flawWords(to.secret.flaw));
  return ways;
}

function signatureReasons(from: Attempt, to: Attempt): Reason[] {
  const reasons: Reason[] = [];
  if (from.signType !== to.signType) reasons.push(signTypeReason(to.signType));
  if (to.secret.flaw) reasons.push(flawReason(to.secret.flaw));
  return reasons;
}

export function signTypeReason(signType: string): Reason {
  return {
    cause: "WRONG_SIGN_TYPE",
    advice:
      `DaxPay signs with ${signType}: set DAXPAY_SIGN_TYPE=${signType}, or change the sign type (签名方式) in DaxPay`,
  };
}

/** Where no way to ask was accepted, DaxPay's words may still show another release; the path step may have said so. */
function releaseDoubts(found: Search, options: DaxPayOptions): Reason[] {
  const release = likelyRelease(found);
  // What 2.0.7 sends is right for 2.0.8 too.
  const fits = release === options.release || (release === "2.0.8" && options.release === "2.0.7");
  return !release || fits || !isPathRight(found) ? [] : releaseReasons(release, options);
}

const REFUSALS: readonly (Reason & { readonly pattern: RegExp })[] = [
  {
    pattern: /商户号和应用号不匹配/,
    cause: "APP_UNKNOWN",
    advice: "DAXPAY_APP_ID is no application of the merchant DAXPAY_MCH_NO: correct one of them",
  },
  {
    pattern: /商户配置|商户号/,
    cause: "MERCHANT_UNKNOWN",
    advice: "DaxPay does not know the merchant number that it was sent: set or correct DAXPAY_MCH_NO (商户号)",
  },
  {
    pattern: /应用配置|应用号/,
    cause: "APP_UNKNOWN",
    advice: "DaxPay does not know the application number that it was sent: set or correct DAXPAY_APP_ID (应用号)",
  },
  {
    pattern: /未启用|未开放|接口信息/,
    cause: "NOT_ENABLED",
    advice: "Switch the interface, the merchant or the application on in DaxPay's administration",
  },
  {
    pattern: /签名方式/,
    cause: "NOT_ENABLED",
    advice: "Choose a sign type (签名方式) in DaxPay's administration: it has none",
  },
  {
    pattern: /IP地址/,
    cause: "REQUEST_REFUSED",
    advice: "Correct DAXPAY_CLIENT_IP",
  },
];

function refusal(text: string): Reason {
  return REFUSALS.find(({ pattern }) => pattern.test(text)) ?? {
    cause: "REQUEST_REFUSED",
    advice: "DaxPay refused the request for what its text says: correct that in DaxPay or in this configuration",
  };
}
