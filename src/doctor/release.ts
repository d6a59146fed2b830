import { IDENTITY_VARIABLES } from "../config/variables.ts";
import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Release, type ReleaseName, RELEASES } from "../daxpay/release.ts";
import type { ProbeResult, Search } from "./search.ts";
import type { Reason } from "./step.ts";

/** What identifies a release although it rejected the request. */
interface Clue {
  readonly release: ReleaseName;
  readonly paths: readonly string[];
  /** Any unless set. */
  readonly code?: number;
  readonly text: RegExp;
  /** Whether the rejection carries a signature. */
  readonly signed?: boolean;
  /** Whether the rejection is written as v4 does; others are not. */
  readonly v4?: boolean;
  /** With which release's members the request was sent. */
  readonly sentAs?: ReleaseName;
}

const SYNC_2 = [RELEASES["2.0.8"].path, RELEASES.documented.path];
const SYNC_3 = [RELEASES["3.0.0"].path];

const CLUES: readonly Clue[] = [
  { release: "4.0.0-beta", paths: SYNC_3, text: /(?:)/, v4: true },
  { release: "2.0.6", paths: [RELEASES["2.0.6"].path], code: 20000, text: /未通过签名验证/ },
  { release: "2.0.7", paths: SYNC_2, code: 20000, text: /未通过签名验证/ },
  { release: "2.0.8", paths: SYNC_2, code: 20052, text: /验签失败/ },
  { release: "3.0.0-beta4", paths: SYNC_3, code: 20052, text: /验签失败/, signed: true },
  { release: "3.0.0", paths: SYNC_3, code: 20052, text: /验签失败/, signed: false },
  // Only 3.0.0 knows merchants here, and it validates both numbers before it looks the application up.
  { release: "3.0.0", paths: SYNC_3, code: 10506, text: /商户号/ },
  { release: "3.0.0", paths: SYNC_3, code: 20023, text: /商户配置/ },
  // v4's signatures are longer than 3.0.0 takes.
  { release: "3.0.0", paths: SYNC_3, code: 10506, text: /签名不可超过/ },
  { release: "3.0.0-beta4", paths: SYNC_3, code: 20023, text: /应用配置/, sentAs: "3.0.0-beta4" },
];

/** The release of the server, as far as its replies show it. */
export function likelyRelease({ match, results }: Search): ReleaseName | undefined {
  if (match) return match.attempt.release;
  return results.map(releaseFrom).find((release) => release !== undefined);
}

function releaseFrom({ attempt, interpretation }: ProbeResult): ReleaseName | undefined {
  const { code, text, signed, v4 } = interpretation;
  if (code === undefined) return undefined;
  return CLUES.find((clue) =>
    clue.paths.includes(attempt.path) && (clue.code ?? code) === code && clue.text.test(text) &&
    (clue.v4 ?? false) === v4 && (clue.signed ?? signed) === signed &&
    (clue.sentAs ?? attempt.release) === attempt.release
  )?.release;
}

/** Why the configured release is wrong, and what to set instead. */
export function releaseReasons(actual: ReleaseName, options: DaxPayOptions): Reason[] {
  const configured: Release = RELEASES[options.release];
  const release: Release = RELEASES[actual];
  const missing: string[] = release.identity.filter((member) => !options[member])
    .map((member) => IDENTITY_VARIABLES[member]);
  if (release.signing === "rsa") {
    if (!options.privateKey) missing.push("DAXPAY_PRIVATE_KEY");
    if (!options.platformKeys) missing.push("DAXPAY_PLATFORM_KEYS");
  } else if (options.secret === "") missing.push("DAXPAY_SIGN_SECRET");
  const surplus = options.path === undefined || options.path === release.path ? "" : "; remove DAXPAY_SYNC_PATH";
  const reasons: Reason[] = [{
    cause: "WRONG_RELEASE",
    advice: `DaxPay replies as ${actual} does, but ${options.release} is configured: set DAXPAY_RELEASE=${actual}${
      missing.map((name) => ` and ${name}`).join("")
    }${surplus}`,
  }];
  if (configured.nonce === "always" && release.nonce === "never") {
    reasons.push({
      cause: "NONCE_UNKNOWN",
      advice:
        `${actual} does not know nonceStr, which ${options.release} sends: it rejects a signature over it, whatever the secret`,
    });
  }
  return reasons;
}
