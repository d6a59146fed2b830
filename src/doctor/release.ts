import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Release, type ReleaseName, RELEASES } from "../daxpay/release.ts";
import type { ProbeResult, Search } from "./search.ts";
import type { Reason } from "./step.ts";

/** What gives a release away although it did not let the request in. */
interface Clue {
  readonly release: ReleaseName;
  readonly paths: readonly string[];
  readonly code: number;
  readonly text: RegExp;
  /** Whether the refusal carries a signature. */
  readonly signed?: boolean;
  /** With which release's members it was asked. */
  readonly asked?: ReleaseName;
}

const SYNC_2 = [RELEASES["2.0.8"].path, RELEASES.documented.path];
const SYNC_3 = [RELEASES["3.0.0"].path];

const CLUES: readonly Clue[] = [
  { release: "2.0.6", paths: [RELEASES["2.0.6"].path], code: 20000, text: /未通过签名验证/ },
  { release: "2.0.7", paths: SYNC_2, code: 20000, text: /未通过签名验证/ },
  { release: "2.0.8", paths: SYNC_2, code: 20052, text: /验签失败/ },
  { release: "3.0.0-beta4", paths: SYNC_3, code: 20052, text: /验签失败/, signed: true },
  { release: "3.0.0", paths: SYNC_3, code: 20052, text: /验签失败/, signed: false },
  // Only 3.0.0 knows merchants here, and it looks at both numbers before it looks for the application.
  { release: "3.0.0", paths: SYNC_3, code: 10506, text: /商户号/ },
  { release: "3.0.0", paths: SYNC_3, code: 20023, text: /商户配置/ },
  { release: "3.0.0-beta4", paths: SYNC_3, code: 20023, text: /应用配置/, asked: "3.0.0-beta4" },
];

/** The release that answers, as far as its answers tell. */
export function likelyRelease({ match: fit, trials }: Search): ReleaseName | undefined {
  if (fit) return fit.attempt.release;
  return trials.map(told).find((release) => release !== undefined);
}

function told({ attempt, saying }: ProbeResult): ReleaseName | undefined {
  return CLUES.find((clue) =>
    clue.paths.includes(attempt.path) && clue.code === saying.code && clue.text.test(saying.text) &&
    (clue.signed ?? saying.signed) === saying.signed && (clue.asked ?? attempt.release) === attempt.release
  )?.release;
}

const IDENTITY = { appId: "DAXPAY_APP_ID", mchNo: "DAXPAY_MCH_NO" } as const;

/** Why the configured release is wrong and what to set instead. */
export function releaseReasons(found: ReleaseName, options: DaxPayOptions): Reason[] {
  const configured: Release = RELEASES[options.release];
  const fitting: Release = RELEASES[found];
  const missing = fitting.identity.filter((member) => !options[member]).map((member) => IDENTITY[member]);
  const surplus = options.path === undefined || options.path === fitting.path ? "" : "; remove DAXPAY_SYNC_PATH";
  const reasons: Reason[] = [{
    cause: "WRONG_RELEASE",
    advice: `DaxPay answers as ${found} does, and ${options.release} is configured: set DAXPAY_RELEASE=${found}${
      missing.map((name) => ` and ${name}`).join("")
    }${surplus}`,
  }];
  if (configured.nonce === "always" && fitting.nonce === "never") {
    reasons.push({
      cause: "NONCE_UNKNOWN",
      advice:
        `${found} does not know nonceStr, which ${options.release} sends: a signature over it is refused there, whatever the secret`,
    });
  }
  return reasons;
}
