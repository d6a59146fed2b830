import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Release, RELEASE_NAMES, RELEASES, type SignType } from "../daxpay/release.ts";
import { type FailedReply, readReply, type RefundReport } from "../daxpay/reply.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { ruleOf } from "./attempt.ts";
import { quote, sayingWords } from "./quote.ts";
import type { ProbeResult } from "./search.ts";
import { flawReason, secretsOf } from "./secret.ts";
import { signTypeReason } from "./signature.ts";
import { type Signing, signingOf } from "./signing.ts";
import { type Reason, skipped, type Step, step } from "./step.ts";
import { ANCIENT_UNKNOWN } from "./verdict.ts";

export interface ReplyOptions {
  readonly daxpay: DaxPayOptions;
  readonly query: RefundQuery;
}

/** The reply as the service itself reads it, whatever the clocks say. */
export function readTrial(
  { attempt, answer }: ProbeResult,
  { daxpay, query }: ReplyOptions,
): RefundReport | FailedReply {
  return readReply(answer.body, {
    release: RELEASES[attempt.release],
    rule: ruleOf(attempt),
    secrets: [attempt.secret.text, ...(daxpay.previousSecret ? [daxpay.previousSecret] : [])],
    query,
    timeZone: daxpay.timeZone,
    now: answer.arrivedAt,
    maxSkewMs: Infinity,
  });
}

/** Whether DaxPay's signature of its reply is right. */
export function replyStep(trial: ProbeResult, options: ReplyOptions): Step {
  const reading = readTrial(trial, options);
  if (reading.kind === "report") {
    return step("reply", `verified, but it says ${quote(reading.daxpayStatus)} of a refund that does not exist`, [
      IMPLAUSIBLE,
    ]);
  }
  const { reason, message } = reading.failure;
  const words = sayingWords(trial.saying);
  switch (reason) {
    case "REFUND_NOT_FOUND":
      return step("reply", `verified: ${words}`);
    case "REPLY_UNVERIFIED":
      return unverified(trial, options);
    case "REPLY_MALFORMED":
    case "REPLY_MISMATCHED":
      return step("reply", quote(message), [UNREADABLE]);
  }
  if (trial.saying.code === ANCIENT_UNKNOWN.code) return step("reply", `not signed: ${words}`, [ANCIENT]);
  return trial.saying.signed
    ? step("reply", `verified, but it does not say that the refund is unknown: ${words}`, [OTHER_QUESTION])
    : skipped("reply", `carries no signature: ${words}. Run the doctor again`);
}

const OTHER_QUESTION: Reason = {
  cause: "REPLY_IMPLAUSIBLE",
  advice:
    `This path answers another question than that for a refund: ${RELEASES.documented.path} is the sync of payments in DaxPay 2.0.7 and 2.0.8. Set DAXPAY_RELEASE to what DaxPay runs, and remove DAXPAY_SYNC_PATH`,
};

const IMPLAUSIBLE: Reason = {
  cause: "REPLY_IMPLAUSIBLE",
  advice: "Something other than DaxPay answers there, maybe a mock: see that DAXPAY_URL means the real one",
};

const UNREADABLE: Reason = {
  cause: "REPLY_UNREADABLE",
  advice: "See whether a proxy changes DaxPay's replies; if not, this DaxPay is none of the known releases",
};

const ANCIENT: Reason = {
  cause: "REPLY_UNSIGNED",
  advice: "DaxPay 2.0.5 says so, and it signs none of its replies, so that none can be believed: upgrade DaxPay",
};

const UNSIGNED: Reason = {
  cause: "REPLY_UNSIGNED",
  advice:
    "Every supported release signs this reply: see whether a proxy changes replies, and whether DAXPAY_URL means DaxPay itself. DaxPay before 2.0.6 cannot sign; upgrade it",
};

const WRONG_SECRET: Reason = {
  cause: "WRONG_SECRET",
  advice:
    "DaxPay signs with another secret, or something changes its replies: copy the secret again to DAXPAY_SIGN_SECRET. If it was changed lately, set the former one as DAXPAY_SIGN_SECRET_PREVIOUS",
};

/** Looks for the way in which the reply was signed, since the expected one is not it. */
function unverified(trial: ProbeResult, { daxpay }: ReplyOptions): Step {
  const { envelope, signed } = trial.saying;
  if (!signed || !envelope) return step("reply", `not signed: ${sayingWords(trial.saying)}`, [UNSIGNED]);
  const wanted = { signed: RELEASES[trial.attempt.release].signed, rule: ruleOf(trial.attempt) };
  const real = signingOf(envelope, wanted, secretsOf(daxpay));
  if (!real) return step("reply", "its signature matches in no known way", [WRONG_SECRET]);
  const reasons = signingReasons(real, wanted, trial);
  const { algorithm, upperCase } = real.rule;
  return step(
    "reply",
    `its signature is wrong as configured, and right by ${algorithm} over the ${real.signed}${
      upperCase ? " in upper case" : ""
    }`,
    reasons.length > 0 ? reasons : [UNREADABLE],
  );
}

function signingReasons(real: Signing, wanted: Pick<Signing, "signed" | "rule">, trial: ProbeResult): Reason[] {
  const reasons: Reason[] = [];
  if (real.signed !== wanted.signed || real.rule.upperCase !== wanted.rule.upperCase) {
    reasons.push(otherRelease(real, trial));
  } else if (real.rule.algorithm !== wanted.rule.algorithm) {
    reasons.push(signTypeReason(typeNameOf(real, RELEASES[trial.attempt.release])));
  }
  if (real.secret.flaw) reasons.push(flawReason(real.secret.flaw));
  if (real.added.length > 0) {
    reasons.push({
      cause: "REPLY_UNREADABLE",
      advice: `Something added ${real.added.map(quote).join(", ")} after DaxPay had signed: see which proxy does so`,
    });
  }
  return reasons;
}

function typeNameOf({ rule }: Signing, { algorithms }: Release): string {
  const types = Object.keys(algorithms) as SignType[];
  return types.find((type) => algorithms[type] === rule.algorithm) ?? rule.algorithm;
}

function otherRelease({ signed, rule }: Signing, { attempt }: ProbeResult): Reason {
  const names = RELEASE_NAMES.filter((name) => {
    const release: Release = RELEASES[name];
    return name !== "documented" && release.signed === signed && release.upperCase === rule.upperCase;
  });
  const which = names.length > 0 ? `as ${names.join(", ")} does` : "as no known release does";
  return {
    cause: "WRONG_RELEASE",
    advice: `The reply is signed ${which}, and not as ${attempt.release}: set DAXPAY_RELEASE to what DaxPay runs`,
  };
}
