import { createActors } from "./actors.ts";
import type { InterfaceState } from "./check.ts";
import type { Failure } from "./failure.ts";
import type { Profile } from "./http.ts";
import { DEVELOPMENT_KEYS } from "./keys.ts";
import { createLedger } from "./ledger.ts";
import { createLocks } from "./lock.ts";
import { createNonces } from "./nonces.ts";
import { createNotices, type Notify, postNotice } from "./notices.ts";
import type { Release } from "./release-type.ts";
import { RELEASE_NAMES, type ReleaseName, RELEASES } from "./release.ts";
import { BETA_STATES, type BetaState, release4 } from "./release4.ts";
import type { ServerContext } from "./respond.ts";
import { createRsaSigner, readPrivateKey, readPublicKey } from "./rsa.ts";
import { type Algorithm, createDigestSigner, type Signer } from "./signer.ts";
import type { Language } from "./texts.ts";

export interface ServerOptions {
  /** `documented` unless set. */
  readonly release?: ReleaseName;
  /** State of 4.0.0-beta; the newest unless set. */
  readonly beta?: BetaState;
  /** Not of 4.x. The interface page's `123456` unless set. */
  readonly secret?: string;
  /** Signs the replies of the `previous-key` fault; `654321` unless set. */
  readonly previousSecret?: string;
  /** Not of 4.x. As DaxPay's administrators choose it; HMAC_SHA256 unless set, null where they have not chosen. */
  readonly signType?: Algorithm | null;
  /** 4.x: PEM of the key that verifies requests, null where the merchant has none; DEVELOPMENT_KEYS' unless set. */
  readonly merchantPublicKey?: string | null;
  /** 4.x: PEM of the key that signs replies; DEVELOPMENT_KEYS' unless set. */
  readonly platformPrivateKey?: string;
  /** 4.x: PEM of the key that signs the replies of the `previous-key` fault; DEVELOPMENT_KEYS' unless set. */
  readonly previousPlatformPrivateKey?: string;
  readonly appId?: string;
  readonly mchNo?: string;
  /** Further applications: their merchant numbers by application number. They share the secret or key. */
  readonly apps?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970: times in replies, request ages and locks follow it. The system's clock unless set. */
  readonly now?: () => number;
  /** Random source of the trace ids, from 0 to less than 1; `Math.random` unless set. */
  readonly random?: () => number;
  /** Trace ids of the replies; twelve random letters and digits unless set. */
  readonly traceId?: () => string;
  /** Response time of the payment channel in milliseconds; 0 unless set. */
  readonly latencyMs?: number;
  /** Milliseconds from the release of a refund's lock to the commit of its sync; 0 unless set. */
  readonly commitMs?: number;
  /** Whether request signatures are checked (`req_sign`); true unless set. */
  readonly requireSignature?: boolean;
  /** Whether a request's age is checked. Only 2.0.8, 3.0.0 and 4.x can; as shipped only 2.0.8 does. */
  readonly enforceRequestTime?: boolean;
  /** 4.x: whether each nonce is accepted once in 300 s; false unless set. */
  readonly enforceNonce?: boolean;
  /** The maximum age; 10 on 2.0.8, 30 on 3.0.0 and 300 on 4.x unless set. Setting it turns the check on. */
  readonly reqTimeoutSeconds?: number;
  /**
   * Whether 2.0.7's or 2.0.8's signature aspect runs before the one that loads the platform's settings, as in builds
   * whose jar was packed in another order: no request signature is checked, and no request time. False unless set.
   */
  readonly verifyFirst?: boolean;
  /** Whether 2.0.8's tables are those of its MySQL script, which make some syncs fail with SQL in the text. */
  readonly shippedTables?: boolean;
  /** 2.x: interfaces that are switched off or missing. */
  readonly interfaces?: Readonly<{ sync?: InterfaceState; query?: InterfaceState }>;
  /** 3.x, 4.x: the account that is switched off. Of 4.x's interfaces only the ping reads the application. */
  readonly disabled?: "app" | "merchant";
  /** Spring's profile; `prod` unless set. Only beta4 answers unknown paths by it. */
  readonly profile?: Profile;
  /** IANA name of the server's zone, for 3.x; `Asia/Shanghai` unless set. */
  readonly timeZone?: string;
  /** 4.x: language of texts for callers that accept none that the server knows; `zh-CN` unless set. */
  readonly language?: Language;
  /** Where notices go when refunds end, unless those have an address of their own; unset: nowhere. */
  readonly noticeUrl?: string;
  /** Posts the notices; `fetch` does unless set. */
  readonly notify?: Notify;
}

export interface SandboxOptions extends ServerOptions {
  /** `127.0.0.1` unless set. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
}

/** The server with every default filled in. Throws a RangeError where the options contradict each other. */
export function contextOf(options: ServerOptions, wait: (ms: number) => Promise<void>) {
  const { release: name = "documented" } = options;
  // Looked up at each call, so that a test's fake clock is seen.
  const { now = () => Date.now(), random = () => Math.random() } = options;
  if (!Object.hasOwn(RELEASES, name)) {
    throw new RangeError(`expected release to be one of ${RELEASE_NAMES.join(", ")}, got "${name}"`);
  }
  const release: Release = options.beta === undefined ? RELEASES[name] : release4(betaOf(options.beta, name));
  const { verifyFirst = false, shippedTables = false, enforceRequestTime, reqTimeoutSeconds } = options;
  if (verifyFirst && !release.digest?.verifyFirst) {
    throw new RangeError(`expected verifyFirst with release 2.0.7 or 2.0.8, got "${name}"`);
  }
  if (shippedTables && name !== "2.0.8") {
    throw new RangeError(`expected shippedTables with release 2.0.8, got "${name}"`);
  }
  if ((enforceRequestTime || reqTimeoutSeconds !== undefined) && !release.reqTimeout) {
    throw new RangeError(`expected a request timeout with release 2.0.8, 3.0.0 or 4.0.0-beta, got "${name}"`);
  }
  if (options.enforceNonce && !release.guardsNonces) {
    throw new RangeError(`expected enforceNonce with release 4.0.0-beta, got "${name}"`);
  }
  const enforced = enforceRequestTime ?? (reqTimeoutSeconds !== undefined || release.reqTimeout?.enforced);
  const { appId = "M8207639754663343", mchNo = "M1745845174843" } = options;
  const { scope, rollsBackStaleWrites, startsInInit, creditsFailures } = release;
  const nonces = createNonces(now);
  const signer = signerOf(name, release, options);
  const traceId = options.traceId ?? (() => traceIdFrom(random));
  const timeZone = options.timeZone ?? "Asia/Shanghai";
  const ledger = createLedger({
    now,
    appId,
    mchNo,
    scope,
    rollsBackStaleWrites,
    startsInInit,
    creditsFailures,
    onStatus: (refund) => notices.onStatus(refund),
  });
  const notices = createNotices({
    dialect: release.notices,
    statuses: creditsFailures ? ["success", "close", "fail"] : ["success", "close"],
    signer,
    time: (ms) => release.time.write(ms, timeZone),
    url: options.noticeUrl,
    notify: options.notify ?? postNotice,
    ledger,
    now,
    traceId,
  });
  const context: ServerContext = {
    release,
    signer,
    hasMerchantKey: options.merchantPublicKey !== null,
    nonces: options.enforceNonce ? nonces : undefined,
    language: options.language ?? "zh-CN",
    appId,
    mchNo,
    apps: options.apps ?? {},
    timeZone,
    profile: options.profile ?? "prod",
    verifyFirst,
    shippedTables,
    requireSignature: !verifyFirst && (options.requireSignature ?? true),
    reqTimeoutSeconds: enforced && !verifyFirst ? reqTimeoutSeconds ?? release.reqTimeout?.seconds : undefined,
    interfaces: options.interfaces ?? {},
    disabled: options.disabled,
    latencyMs: options.latencyMs ?? 0,
    commitMs: options.commitMs ?? 0,
    now,
    wait,
    traceId,
    ledger,
    locks: createLocks({ now, wait }),
  };
  return { context, actors: createActors(name, context), nonces, notices };
}

function betaOf(beta: BetaState, name: ReleaseName): BetaState {
  if (name !== "4.0.0-beta") throw new RangeError(`expected beta with release 4.0.0-beta, got "${name}"`);
  if (BETA_STATES.includes(beta)) return beta;
  throw new RangeError(`expected beta to be one of ${BETA_STATES.join(", ")}, got "${beta}"`);
}

/** The failure where no sign type is set. */
function signerOf(name: ReleaseName, { digest }: Release, options: ServerOptions): Signer | Failure {
  if (!digest) return rsaSignerOf(options);
  for (const option of ["merchantPublicKey", "platformPrivateKey", "previousPlatformPrivateKey"] as const) {
    if (options[option] !== undefined) {
      throw new RangeError(`expected ${option} with release 4.0.0-beta, got "${name}"`);
    }
  }
  const { secret = "123456", previousSecret = "654321", signType = "HMAC_SHA256", verifyFirst } = options;
  if (secret === "") throw new RangeError("expected secret to have at least one character, got an empty one");
  if (signType === null) return (verifyFirst && digest.verifyFirst || digest).typeUnset;
  const algorithm = digest.algorithms[signType];
  if (algorithm) return createDigestSigner({ algorithm, secret, previousSecret, upperCase: digest.upperCase });
  const names = Object.keys(digest.algorithms).join(", ");
  throw new RangeError(`expected sign type of release "${name}" to be one of ${names}, got "${signType}"`);
}

function rsaSignerOf(options: ServerOptions): Signer {
  for (const option of ["secret", "previousSecret", "signType"] as const) {
    if (options[option] !== undefined) throw new RangeError(`expected no ${option} with release 4.0.0-beta, got one`);
  }
  const { platformPrivateKey, previousPlatformPrivateKey, merchantPublicKey } = options;
  const { platform, previousPlatform, merchant } = DEVELOPMENT_KEYS;
  return createRsaSigner({
    platform: readPrivateKey("platformPrivateKey", platformPrivateKey ?? platform.privateKey),
    previousPlatform: readPrivateKey(
      "previousPlatformPrivateKey",
      previousPlatformPrivateKey ?? previousPlatform.privateKey,
    ),
    merchant: readPublicKey("merchantPublicKey", merchantPublicKey ?? merchant.publicKey),
  });
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function traceIdFrom(random: () => number): string {
  let id = "";
  while (id.length < 12) id += LETTERS[Math.floor(random() * LETTERS.length)];
  return id;
}
