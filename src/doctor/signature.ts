import type { DaxPayOptions } from "../daxpay/client.ts";
import { signsWithKeys } from "../daxpay/release.ts";
import type { Attempt } from "./attempt.ts";
import { isPathRight } from "./path.ts";
import type { Probe } from "./probe.ts";
import { describeReply } from "./quote.ts";
import { rejectionReason } from "./rejection.ts";
import { likelyRelease, releaseReasons } from "./release.ts";
import { attemptOnce, isServed, type ProbeResult, type Search } from "./search.ts";
import { describeSuspicions } from "./secret.ts";
import { inconclusive, type Reason, skipped, type Step, step, warning } from "./step.ts";

/** What DaxPay does with a wrong signature. */
export type Verification = "rejects" | "accepts" | "unknown";

/** Sends a request whose signature is wrong. DaxPay rejects it, unless it verifies no signatures. */
export async function checkVerification({ attempt }: ProbeResult, probe: Probe): Promise<Verification> {
  const result = await attemptOnce({ ...attempt, variant: "wrong" }, probe);
  if (result.kind === "connectionFailure") return "unknown";
  switch (result.interpretation.verdict) {
    case "signatureRejected":
      return "rejects";
    case "accepted":
    case "clockRejected":
      return "accepts";
    default:
      return "unknown";
  }
}

/** What was found out about the signature besides the search. */
export interface SignatureFindings {
  readonly verification?: Verification;
  /** Why a signature by keys was rejected. */
  readonly diagnosis?: Step;
}

/** Whether a rejected signature has to be diagnosed by `diagnoseKeys`. */
export function needsDiagnosis(search: Search): boolean {
  const { configured: { attempt, interpretation }, match } = search;
  if (match || !signsWithKeys(attempt.release) || interpretation.verdict !== "signatureRejected") return false;
  const release = likelyRelease(search);
  return release === undefined || release === attempt.release;
}

/** Whether DaxPay accepts the signature of our requests. */
export function signatureStep(
  search: Search,
  options: DaxPayOptions,
  { verification, diagnosis }: SignatureFindings,
): Step {
  const { configured, match, results } = search;
  if (diagnosis) return diagnosis;
  if (match === configured) return acceptedStep(match.attempt, verification);
  if (match) return differing(search, match, options);
  // The reply of another path counts more than that of the wrong one.
  const last = isPathRight(search) ? configured : results.findLast(isServed);
  if (!last) return skipped("signature", "not checked, because no request reached DaxPay's refund sync");
  const reply = describeReply(last.interpretation);
  if (last.interpretation.verdict === "rejectedBeforeSignature") {
    return step("signature", `not checked by DaxPay: it returned ${reply} before`, [
      ...releaseDoubts(search, options),
      rejectionReason(last.interpretation.text),
    ]);
  }
  const doubts = releaseDoubts(search, options);
  if (signsWithKeys(last.attempt.release)) return step("signature", `rejected with ${reply}`, doubts);
  return step("signature", `rejected with ${reply}, as were all other ways to sign`, [
    wrongSecret(options),
    ...doubts,
  ]);
}

function acceptedStep({ release }: Attempt, verification: Verification | undefined): Step {
  switch (verification) {
    case "accepts":
      return warning("signature", "accepted, but so is a wrong signature: this DaxPay does not verify requests", [
        notVerified(release),
      ]);
    case "rejects":
      return step("signature", "accepted, and a wrong signature is rejected");
    default:
      return inconclusive("signature", "accepted, but whether a wrong signature is rejected could not be checked");
  }
}

/** The aspects that verify requests where their order is not fixed, so that it is the order of classes in the jar. */
const VERIFIERS: Readonly<Partial<Record<Attempt["release"], string>>> = {
  documented: "PaymentVerifySignAop or PaymentVerifyAop",
  "2.0.7": "PaymentVerifySignAop",
  "2.0.8": "PaymentVerifyAop",
};

function notVerified(release: Attempt["release"]): Reason {
  const verifier = VERIFIERS[release];
  const build = verifier
    ? `, or this build verifies before it has loaded that setting (${verifier} before InitPlatformInfoAop, by the order ` +
      "of classes in its jar: package it with sorted entries)"
    : "";
  const why = `The signature check (验签, req_sign) is switched off in DaxPay${build}`;
  return {
    cause: "SIGNATURE_NOT_VERIFIED",
    advice:
      `${why}: everybody who reaches DaxPay can call its interfaces. Replies are still signed, so the states of ` +
      "this service remain proven, but a wrong secret shows as REPLY_UNVERIFIED instead of SIGNATURE_REJECTED, and a " +
      "request's time may not be checked either. Switch the check on, or let only trusted machines " +
      "reach DaxPay",
  };
}

function wrongSecret(options: DaxPayOptions): Reason {
  return {
    cause: "WRONG_SECRET",
    advice:
      "The secret is wrong, or DaxPay has another one: copy it again from DaxPay's administration (签名密钥) to " +
      `DAXPAY_SIGN_SECRET${describeSuspicions(options)}`,
  };
}

/** Another way to send the request was accepted: what differs there is what is wrong here. */
function differing(search: Search, match: ProbeResult, options: DaxPayOptions): Step {
  const { configured } = search;
  const changes = changesOf(configured.attempt, match.attempt).join(", ");
  if (!isPathRight(search)) {
    return step("signature", `accepted ${changes}`, signatureReasons(configured.attempt, match.attempt));
  }
  const reply = describeReply(configured.interpretation);
  const first = configured.interpretation.verdict === "signatureRejected"
    ? `rejected with ${reply}`
    : `not checked by DaxPay: it returned ${reply} before`;
  return step("signature", `${first}; accepted ${changes}`, [
    ...(configured.attempt.release === match.attempt.release ? [] : releaseReasons(match.attempt.release, options)),
    ...signatureReasons(configured.attempt, match.attempt),
  ]);
}

function changesOf(from: Attempt, to: Attempt): string[] {
  const changes: string[] = [];
  if (from.release !== to.release) changes.push(`as ${to.release}`);
  else if (from.path !== to.path) changes.push(`at ${to.path}`);
  if (from.signType !== to.signType) changes.push(`with sign type ${to.signType}`);
  return [...changes, ...to.secret.flaws.map(({ repair }) => repair)];
}

function signatureReasons(from: Attempt, to: Attempt): Reason[] {
  return [...(from.signType === to.signType ? [] : [signTypeReason(to.signType)]), ...to.secret.flaws];
}

export function signTypeReason(signType: string): Reason {
  return {
    cause: "WRONG_SIGN_TYPE",
    advice:
      `DaxPay signs with ${signType}: set DAXPAY_SIGN_TYPE=${signType}, or change the sign type (签名方式) in DaxPay`,
  };
}

/** If no request was accepted, DaxPay's text may still show another release; the path step may have named it. */
function releaseDoubts(search: Search, options: DaxPayOptions): Reason[] {
  const release = likelyRelease(search);
  // 2.0.8 accepts what 2.0.7 expects.
  const fits = release === options.release || (release === "2.0.8" && options.release === "2.0.7");
  return !release || fits || !isPathRight(search) ? [] : releaseReasons(release, options);
}
