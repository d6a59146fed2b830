import type { DaxPayOptions } from "../daxpay/client.ts";
import { RELEASES } from "../daxpay/release.ts";
import { describeAnswer, quote } from "./quote.ts";
import { likelyRelease, releaseReasons } from "./release.ts";
import { isServed, type Search } from "./search.ts";
import { type Reason, type Step, step } from "./step.ts";

/** Whether the refund sync of the configured release is at the configured path. */
export function pathStep(search: Search, options: DaxPayOptions): Step {
  const { configured, match, results } = search;
  const found = `${configured.attempt.path} returned ${describeAnswer(configured)}`;
  if (isPathRight(search)) return step("path", found);
  const { verdict } = configured.interpretation;
  if (verdict === "redirected") return step("path", found, [redirected(configured.answer.location, options)]);
  if (verdict === "failed") return step("path", found, [DAXPAY_ERROR]);
  const release = likelyRelease(search);
  const otherRelease = release && release !== options.release ? releaseReasons(release, options) : [];
  const elsewhere = match ? `; ${match.attempt.path} returned ${describeAnswer(match)}` : "";
  if (isDocumentedPath(search)) {
    return step("path", found + elsewhere, [DOCUMENTED, ...(otherRelease.length > 0 ? otherRelease : [ASK_RELEASE])]);
  }
  if (otherRelease.length > 0) return step("path", found + elsewhere, otherRelease);
  if (match) return step("path", found + elsewhere, [otherPath(match.attempt.path)]);
  const isDaxPay = results.some(({ interpretation }) => interpretation.code !== undefined);
  return step("path", found, [isDaxPay ? NOT_SERVED : NOT_DAXPAY]);
}

/** Whether the configured path is right, even if DaxPay rejected the request for something else. */
export function isPathRight(search: Search): boolean {
  return search.configured === search.match || (isServed(search.configured) && !isDocumentedPath(search));
}

/** 2.0.7 and 2.0.8 serve the sync of payments there, where the signature of a refund's request is wrong. */
function isDocumentedPath({ configured }: Search): boolean {
  return configured.attempt.path === RELEASES.documented.path;
}

const DOCUMENTED: Reason = {
  cause: "DOCUMENTED_PATH",
  advice:
    `No known DaxPay serves refunds at ${RELEASES.documented.path}, although its interface page says so: if that path exists, it is the sync of payments, which rejects the signature of a refund's request`,
};

const ASK_RELEASE: Reason = {
  cause: "WRONG_RELEASE",
  advice: "Ask DaxPay's administrators which release they run, and set DAXPAY_RELEASE to it",
};

const NOT_SERVED: Reason = {
  cause: "PATH_NOT_SERVED",
  advice:
    "No known release's refund sync is served: check whether DAXPAY_URL lacks a path prefix like /server and whether a proxy blocks these paths, and set DAXPAY_SYNC_PATH if the proxy renames them",
};

const NOT_DAXPAY: Reason = {
  cause: "NOT_DAXPAY",
  advice:
    "The reply is not DaxPay's: correct host, port and path prefix in DAXPAY_URL. If DaxPay 2.x is at that address, it serves no known release's refund sync, or it fails: check its log",
};

const DAXPAY_ERROR: Reason = {
  cause: "DAXPAY_ERROR",
  advice: "DaxPay, or a proxy in front of it, failed or throttled the request: check its log, and try again",
};

/** Only a configured path differs from its release's. */
function otherPath(path: string): Reason {
  return { cause: "PATH_NOT_SERVED", advice: `Remove DAXPAY_SYNC_PATH: the release's own path ${path} is served` };
}

/** The location's query is not shown. */
function redirected(location: string | undefined, { url }: DaxPayOptions): Reason {
  const target = location === undefined ? undefined : URL.parse(location, url);
  const address = target ? quote(target.origin + target.pathname) : "an unknown address";
  return {
    cause: "REDIRECTED",
    advice: `The request was redirected to ${address}, which a signed request must not follow: set DAXPAY_URL to ` +
      "DaxPay's own address",
  };
}
