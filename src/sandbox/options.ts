import { createActors } from "./actors.ts";
import type { InterfaceState } from "./check.ts";
import type { Profile } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createLocks } from "./lock.ts";
import { type Release, RELEASE_NAMES, type ReleaseName, RELEASES } from "./release.ts";
import type { ServerContext } from "./respond.ts";
import type { Algorithm } from "./signer.ts";

export interface ServerOptions {
  /** `documented` unless set. */
  readonly release?: ReleaseName;
  /** The interface page's `123456` unless set. */
  readonly secret?: string;
  /** Signs the replies of the `previous-key` fault; `654321` unless set. */
  readonly previousSecret?: string;
  /** As DaxPay's administrators choose it; HMAC_SHA256 unless set, null where they have not chosen. */
  readonly signType?: Algorithm | null;
  readonly appId?: string;
  readonly mchNo?: string;
  /** Further applications: their merchant numbers by application number. They share the secret. */
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
  /** Whether a request's age is checked. Only 2.0.8 and 3.0.0 can; as shipped 2.0.8 does and 3.0.0 does not. */
  readonly enforceRequestTime?: boolean;
  /** The maximum age; 10 on 2.0.8 and 30 on 3.0.0 unless set. Setting it turns the check on. */
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
  /** 3.x: the account that is switched off. */
  readonly disabled?: "app" | "merchant";
  /** Spring's profile; `prod` unless set. Only beta4 answers unknown paths by it. */
  readonly profile?: Profile;
  /** IANA name of the server's zone, for 3.x; `Asia/Shanghai` unless set. */
  readonly timeZone?: string;
}

export interface SandboxOptions extends ServerOptions {
  /** `127.0.0.1` unless set. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
}

/** The server with every default filled in. Throws a RangeError where the options contradict each other. */
export function contextOf(options: ServerOptions, wait: (ms: number) => Promise<void>) {
  const { release: name = "documented", secret = "123456", signType = "HMAC_SHA256" } = options;
  // Looked up at each call, so that a test's fake clock is seen.
  const { now = () => Date.now(), random = () => Math.random() } = options;
  if (!Object.hasOwn(RELEASES, name)) {
    throw new RangeError(`expected release to be one of ${RELEASE_NAMES.join(", ")}, got "${name}"`);
  }
  const release: Release = RELEASES[name];
  const algorithm = signType === null ? undefined : release.algorithms[signType];
  if (signType !== null && !algorithm) {
    const names = Object.keys(release.algorithms).join(", ");
    throw new RangeError(`expected sign type of release "${name}" to be one of ${names}, got "${signType}"`);
  }
  if (secret === "") throw new RangeError("expected secret to have at least one character, got an empty one");
  const { verifyFirst = false, shippedTables = false, enforceRequestTime, reqTimeoutSeconds } = options;
  if (verifyFirst && !release.verifyFirst) {
    throw new RangeError(`expected verifyFirst with release 2.0.7 or 2.0.8, got "${name}"`);
  }
  if (shippedTables && name !== "2.0.8") {
    throw new RangeError(`expected shippedTables with release 2.0.8, got "${name}"`);
  }
  if ((enforceRequestTime || reqTimeoutSeconds !== undefined) && !release.reqTimeout) {
    throw new RangeError(`expected a request timeout with release 2.0.8 or 3.0.0, got "${name}"`);
  }
  const enforced = enforceRequestTime ?? (reqTimeoutSeconds !== undefined || release.reqTimeout?.enforced);
  const { appId = "M8207639754663343", mchNo = "M1745845174843" } = options;
  const { scope, rollsBackStaleWrites } = release;
  const context: ServerContext = {
    release,
    key: { algorithm, secret, upperCase: release.upperCase },
    previousSecret: options.previousSecret ?? "654321",
    appId,
    mchNo,
    apps: options.apps ?? {},
    timeZone: options.timeZone ?? "Asia/Shanghai",
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
    traceId: options.traceId ?? (() => traceIdFrom(random)),
    ledger: createLedger({ now, appId, mchNo, scope, rollsBackStaleWrites }),
    locks: createLocks({ now, wait }),
  };
  return { context, actors: createActors(name, context) };
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function traceIdFrom(random: () => number): string {
  let id = "";
  while (id.length < 12) id += LETTERS[Math.floor(random() * LETTERS.length)];
  return id;
}
