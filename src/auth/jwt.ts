import { createRemoteJWKSet, errors, jwtVerify } from "jose";

export interface JwtOptions {
  /** The issuer's published keys. */
  readonly jwksUrl: URL;
  readonly issuer: string;
  readonly audience: string;
  /** Required scope, in the `scope` or `scp` claim. */
  readonly scope: string | undefined;
}

export type JwtVerdict =
  /** `expiresAt` is in epoch milliseconds, with the tolerance for clock skew. */
  | {
    readonly kind: "valid";
    readonly subject: string;
    readonly expiresAt: number;
    /** Of the claim `accounts`; undefined if the token has none. */
    readonly accounts: ReadonlySet<string> | undefined;
  }
  | { readonly kind: "invalid"; readonly reason: string }
  /** The issuer's keys could not be fetched. */
  | { readonly kind: "unknown"; readonly cause: unknown };

export type JwtVerifier = (token: string) => Promise<JwtVerdict>;

/** Asymmetric algorithms only: with HS256 everyone who can verify can also issue. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** Allowed skew of the issuer's clock. */
const CLOCK_TOLERANCE_S = 30;
const JWKS_TIMEOUT_MS = 5_000;

/** Verifies JSON Web Tokens by the issuer's published keys, fetched on first use and cached for 10 minutes. */
export function createJwtVerifier({ jwksUrl, issuer, audience, scope }: JwtOptions): JwtVerifier {
  const keys = createRemoteJWKSet(jwksUrl, { timeoutDuration: JWKS_TIMEOUT_MS });
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ["exp", "sub"],
      });
      if (scope !== undefined && !scopesOf(payload).includes(scope)) {
        return { kind: "invalid", reason: `missing scope ${JSON.stringify(scope)}` };
      }
      const accounts = accountsOf(payload);
      if (accounts === "invalid") {
        return { kind: "invalid", reason: 'expected the claim "accounts" to be a list of names, got something else' };
      }
      const expiresAt = (Number(payload.exp) + CLOCK_TOLERANCE_S) * 1000;
      return { kind: "valid", subject: String(payload.sub), expiresAt, accounts };
    } catch (error) {
      if (isTokenError(error)) return { kind: "invalid", reason: error.message };
      return { kind: "unknown", cause: error };
    }
  };
}

/** RFC 8693: `scope` is space-separated; some issuers send `scp`, as an array or space-separated. */
function scopesOf(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const { scope, scp } = payload;
  return [scope, scp].flat().flatMap((words) => typeof words === "string" ? words.split(" ") : []);
}

/** The accounts that the token is limited to: an array, or a text separated by spaces. */
function accountsOf({ accounts }: Readonly<Record<string, unknown>>): ReadonlySet<string> | undefined | "invalid" {
  if (accounts === undefined) return undefined;
  const names: unknown = typeof accounts === "string" ? accounts.split(" ").filter(Boolean) : accounts;
  return Array.isArray(names) && names.every((name) => typeof name === "string") ? new Set(names) : "invalid";
}

/** Whether jose rejected the token, rather than failed to fetch the keys. */
function isTokenError(error: unknown): error is errors.JOSEError {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid ||
    error.code === "ERR_JOSE_GENERIC");
}
