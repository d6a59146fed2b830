import type { DaxPayOptions } from "../daxpay/client.ts";
import { RELEASES } from "../daxpay/release.ts";
import { answerWords, quote } from "./quote.ts";
import { likelyRelease, releaseReasons } from "./release.ts";
import { isServed, type Search } from "./search.ts";
import { type Reason, type Step, step } from "./step.ts";

/** Which release's path answers. */
export function pathStep(found: Search, options: DaxPayOptions): Step {
  const { configured, match: fit } = found;
  const words = `${configured.attempt.path} answered ${answerWords(configured)}`;
  if (isPathRight(found)) return step("path", words);
  const { verdict } = configured.saying;
  if (verdict === "redirected") return step("path", words, [redirected(configured.answer.location, options)]);
  if (verdict === "fault") return step("path", words, [FAULT]);
  const release = likelyRelease(found);
  const fitting = release && release !== options.release ? releaseReasons(release, options) : [];
  const elsewhere = fit ? `; ${fit.attempt.path} answered ${answerWords(fit)}` : "";
  if (isDocumentedPath(found)) {
    return step("path", words + elsewhere, [DOCUMENTED, ...(fitting.length > 0 ? fitting : [ASK_THEM])]);
  }
  if (fitting.length > 0) return step("path", words + elsewhere, fitting);
  if (fit) return step("path", words + elsewhere, [otherPath(fit.attempt.path)]);
  const talksLikeDaxPay = found.trials.some(({ saying }) => saying.code !== undefined);
  return step("path", words, [talksLikeDaxPay ? UNSERVED : NOT_DAXPAY]);
}

/** Whether the configured path is the one to ask at, even if DaxPay did not like the rest of the request. */
export function isPathRight(found: Search): boolean {
  return found.configured === found.match || (isServed(found.configured) && !isDocumentedPath(found));
}

/** 2.0.7 and 2.0.8 serve the sync of payments there, which refuses a refund's members by their signature. */
function isDocumentedPath({ configured }: Search): boolean {
  return configured.attempt.path === RELEASES.documented.path;
}

const DOCUMENTED: Reason = {
  cause: "DOCUMENTED_PATH",
  advice:
    `No known DaxPay serves refunds at ${RELEASES.documented.path}, although its interface page says so: where that path exists it is the sync of payments, which refuses the signature of a refund's request`,
};

const ASK_THEM: Reason = {
  cause: "WRONG_RELEASE",
  advice: "Ask DaxPay's administrators which release they run, and set DAXPAY_RELEASE to it",
};

const UNSERVED: Reason = {
  cause: "PATH_NOT_SERVED",
  advice:
    "No known release's refund path answers: see whether DAXPAY_URL lacks a path prefix like /server, whether a proxy lets these paths through, and set DAXPAY_SYNC_PATH if it renames them",
};

const NOT_DAXPAY: Reason = {
  cause: "NOT_DAXPAY",
  advice:
    "What answers there does not talk like DaxPay: correct host, port and path prefix in DAXPAY_URL. If it is DaxPay 2.x behind the right address, no known release's refund path is served there, or it fails: look into its log",
};

const FAULT: Reason = {
  cause: "DAXPAY_FAULT",
  advice: "DaxPay, or a proxy before it, failed or does not want more requests now: look into its log, and try again",
};

/** Only a path of the configuration's own differs from its release's. */
function otherPath(path: string): Reason {
  return { cause: "PATH_NOT_SERVED", advice: `Remove DAXPAY_SYNC_PATH: the release's own path ${path} answers` };
}

/** The location's query is not shown. */
function redirected(location: string | undefined, { url }: DaxPayOptions): Reason {
  const target = location === undefined ? undefined : URL.parse(location, url);
  const shown = target ? quote(target.origin + target.pathname) : "an address that it does not tell";
  return {
    cause: "REDIRECTED",
    advice:
      `The request was sent on to ${shown}, which signed requests do not follow: set DAXPAY_URL to where DaxPay is`,
  };
}
