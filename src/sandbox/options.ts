import type { AnswerContext } from "./answer.ts";
import { type Release, RELEASE_NAMES, type ReleaseName, RELEASES } from "./release.ts";
import type { Algorithm } from "./signer.ts";
import { createBooks } from "./sync.ts";

export interface SandboxOptions {
  /** `127.0.0.1` unless said. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** `documented` unless said. */
  readonly release?: ReleaseName;
  /** The interface page's `123456` unless said. */
  readonly secret?: string;
  /** With what the `previous-key` fault signs; `654321` unless said. */
  readonly previousSecret?: string;
  /** As DaxPay's administrators choose it; HMAC_SHA256 unless said. */
  readonly signType?: Algorithm;
  readonly appId?: string;
  readonly mchNo?: string;
  /** Milliseconds since 1970: times in replies, request ages and locks follow it. */
  readonly now?: () => number;
  /** Trace ids of the replies; twelve random letters and digits unless said. */
  readonly traceId?: () => string;
  /** How long the payment channel takes, in milliseconds. The refund is locked so long. */
  readonly latencyMs?: number;
  /** How old a request may be. Only 2.0.8 (10 unless said) and 3.0.0 (any age unless said) look at it. */
  readonly reqTimeoutSeconds?: number;
  /** IANA name of the server's zone, for 3.x; `Asia/Shanghai` unless said. */
  readonly timeZone?: string;
}

/** The sandbox's DaxPay with every default filled in. Throws where the options contradict each other. */
export function contextOf(options: SandboxOptions, wait: (ms: number) => Promise<void>): AnswerContext {
  const { release: name = "documented", secret = "123456", signType = "HMAC_SHA256", now = Date.now } = options;
  if (!Object.hasOwn(RELEASES, name)) {
    throw new RangeError(`Found release "${name}", wanted one of ${RELEASE_NAMES.join(", ")}`);
  }
  const release: Release = RELEASES[name];
  const algorithm = release.algorithms[signType];
  if (!algorithm) {
    const wanted = Object.keys(release.algorithms).join(", ");
    throw new RangeError(`Found sign type "${signType}" for release "${name}", wanted one of ${wanted}`);
  }
  if (secret === "") throw new RangeError("Found an empty secret, wanted at least one character");
  return {
    release,
    key: { algorithm, secret, upperCase: release.upperCase },
    previousSecret: options.previousSecret ?? "654321",
    appId: options.appId ?? "M8207639754663343",
    mchNo: options.mchNo ?? "M1745845174843",
    timeZone: options.timeZone ?? "Asia/Shanghai",
    reqTimeoutSeconds: options.reqTimeoutSeconds ?? release.reqTimeoutSeconds,
    now,
    traceId: options.traceId ?? randomTraceId,
    books: createBooks({ release, now, latencyMs: options.latencyMs ?? 0, wait }),
  };
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function randomTraceId(): string {
  return Array.from({ length: 12 }, () => LETTERS[Math.floor(Math.random() * LETTERS.length)]).join("");
}
