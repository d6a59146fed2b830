import type { DaxPayOptions } from "../daxpay/client.ts";
import {
  type Release,
  RELEASE_NAMES,
  RELEASES,
  SIGN_TYPES,
  signingScheme,
  signsWithKeys,
  signTypesOf,
} from "../daxpay/release.ts";
import { type FailedReply, readReply, type RefundReport } from "../daxpay/reply.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { signerOf } from "./attempt.ts";
import { V2_0_5_UNKNOWN } from "./interpretation.ts";
import { describeReply, quote } from "./quote.ts";
import { rejectionReason } from "./rejection.ts";
import type { ProbeResult } from "./search.ts";
import { describeSuspicions, secretsOf } from "./secret.ts";
import { signTypeReason } from "./signature.ts";
import { type ExpectedSigning, findSigning, type Signing } from "./signing.ts";
import { type Reason, type Step, step } from "./step.ts";

/** Reads a reply as the service does, but whatever the clocks' difference. `read` depends on the interface. */
export function readResult(
  { attempt, answer }: ProbeResult,
  refund: RefundQuery,
  daxpay: DaxPayOptions,
  read = readReply,
): RefundReport | FailedReply {
  return read(answer.body, {
    release: RELEASES[attempt.release],
    signer: signerOf(attempt, daxpay),
    query: refund,
    reqId: answer.request.reqId,
    timeZone: daxpay.timeZone,
    now: answer.arrivedAt,
    maxSkewMs: Infinity,
  });
}

/** Whether DaxPay's signature of its reply verifies, and what the reply says of an unknown refund. */
export function replyStep(result: ProbeResult, reading: RefundReport | FailedReply, daxpay: DaxPayOptions): Step {
  if (reading.kind === "report") {
    return step("reply", `verified, but it says ${quote(reading.daxpayStatus)} of a refund that does not exist`, [
      IMPLAUSIBLE,
    ]);
  }
  const { reason, message } = reading.failure;
  const { interpretation } = result;
  const reply = describeReply(interpretation);
  switch (reason) {
    case "REFUND_NOT_FOUND":
      return step("reply", `verified: ${reply}`);
    case "REPLY_UNVERIFIED":
      return unverified(result, daxpay);
    case "REPLY_MALFORMED":
    case "REPLY_MISMATCHED":
      return step("reply", quote(message), [UNREADABLE]);
  }
  if (interpretation.code === V2_0_5_UNKNOWN.code) return step("reply", `not signed: ${reply}`, [V2_0_5]);
  if (!interpretation.signed) return step("reply", `not signed: ${reply}`, [RUN_AGAIN]);
  // A DaxPay that does not verify signatures notices here that the interface is switched off.
  if (reason === "NOT_CONFIGURED" && interpretation.text !== PAYMENT_UNKNOWN) {
    return step("reply", `verified, but DaxPay rejected the request: ${reply}`, [
      rejectionReason(interpretation.text),
    ]);
  }
  return step("reply", `verified, but it does not say that the refund is unknown: ${reply}`, [OTHER_INTERFACE]);
}

/** The sync of payments returns it. */
const PAYMENT_UNKNOWN = "支付订单不存在";

const OTHER_INTERFACE: Reason = {
  cause: "REPLY_IMPLAUSIBLE",
  advice:
    `This path is not the refund sync: ${RELEASES.documented.path} is the sync of payments in DaxPay 2.0.7 and 2.0.8. Set DAXPAY_RELEASE to what DaxPay runs, and remove DAXPAY_SYNC_PATH`,
};

const IMPLAUSIBLE: Reason = {
  cause: "REPLY_IMPLAUSIBLE",
  advice: "The server is not DaxPay, maybe a mock: correct DAXPAY_URL",
};

const UNREADABLE: Reason = {
  cause: "REPLY_UNREADABLE",
  advice: "Check whether a proxy changes DaxPay's replies; if none does, this DaxPay is none of the known releases",
};

const V2_0_5: Reason = {
  cause: "REPLY_UNSIGNED",
  advice: "This is DaxPay 2.0.5, which signs none of its replies, so that none can be verified: upgrade DaxPay",
};

const RUN_AGAIN: Reason = {
  cause: "REPLY_UNSIGNED",
  advice: "DaxPay signs no such reply, which says nothing about a refund: run the doctor again",
};

const UNSIGNED: Reason = {
  cause: "REPLY_UNSIGNED",
  advice:
    "Every supported release signs this reply: check whether a proxy changes replies, and whether DAXPAY_URL is the address of DaxPay. DaxPay before 2.0.6 cannot sign; upgrade it",
};

const WRONG_PLATFORM_KEY: Reason = {
  cause: "WRONG_PLATFORM_KEY",
  advice:
    "DaxPay signs with another key, or something changes its replies: copy the platform's public key (平台公钥) " +
    "again to DAXPAY_PLATFORM_KEYS. It is neither the merchant's public key nor that of DAXPAY_PRIVATE_KEY",
};

function wrongSecret(daxpay: DaxPayOptions): Reason {
  return {
    cause: "WRONG_SECRET",
    advice: "DaxPay signs with another secret, or something changes its replies: copy the secret again to " +
      "DAXPAY_SIGN_SECRET. If it was changed lately, set the former one as DAXPAY_SIGN_SECRET_PREVIOUS. A DaxPay that " +
      `verifies no request signatures accepts a wrong secret, so that it shows only here${describeSuspicions(daxpay)}`,
  };
}

/** Finds out how the reply was signed, since it was not as expected. */
function unverified(result: ProbeResult, daxpay: DaxPayOptions): Step {
  const { envelope, signed } = result.interpretation;
  if (!signed || !envelope) return step("reply", `not signed: ${describeReply(result.interpretation)}`, [UNSIGNED]);
  const { release, signType } = result.attempt;
  if (signsWithKeys(release)) {
    return step("reply", "its signature does not match by any of DAXPAY_PLATFORM_KEYS", [WRONG_PLATFORM_KEY]);
  }
  const expected = { api: RELEASES[release], scheme: signingScheme(release, signType) };
  const actual = findSigning(envelope, expected, secretsOf(daxpay));
  if (!actual) return step("reply", "its signature does not match in any known way", [wrongSecret(daxpay)]);
  const reasons = signingReasons(actual, expected, result);
  const { algorithm, upperCase } = actual.scheme;
  return step(
    "reply",
    `its signature does not match as configured, but does by ${algorithm} over the ${actual.signed}${
      upperCase ? " in upper case" : ""
    }`,
    reasons.length > 0 ? reasons : [UNREADABLE],
  );
}

function signingReasons(actual: Signing, { api, scheme }: ExpectedSigning, { attempt }: ProbeResult): Reason[] {
  const reasons: Reason[] = [];
  if (actual.signed !== api.signed || actual.scheme.upperCase !== scheme.upperCase) {
    reasons.push(otherRelease(actual, attempt.release));
  } else if (actual.scheme.algorithm !== scheme.algorithm) {
    reasons.push(signTypeReason(signTypeOf(actual, RELEASES[attempt.release])));
  }
  reasons.push(...actual.secret.flaws);
  if (actual.added.length > 0) {
    const names = actual.added.map(quote).join(", ");
    reasons.push({
      cause: "REPLY_UNREADABLE",
      advice: `${names} was added after DaxPay had signed: check which proxy does so`,
    });
  }
  return reasons;
}

function signTypeOf({ scheme }: Signing, release: Release): string {
  const algorithms = signTypesOf(release);
  return SIGN_TYPES.find((type) => algorithms[type] === scheme.algorithm) ?? scheme.algorithm;
}

function otherRelease({ signed, scheme }: Signing, configured: string): Reason {
  const names = RELEASE_NAMES.filter((name) => {
    const { signed: carrier, signing }: Release = RELEASES[name];
    return name !== "documented" && carrier === signed && signing !== "rsa" && signing.upperCase === scheme.upperCase;
  });
  const which = names.length > 0 ? `as ${names.join(", ")} does` : "as no known release does";
  return {
    cause: "WRONG_RELEASE",
    advice: `The reply is signed ${which}, not as ${configured}: set DAXPAY_RELEASE to DaxPay's release`,
  };
}
