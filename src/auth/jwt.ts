import { createRemoteJWKSet, errors, jwtVerify } from "jose";

export interface JwtOptions {
  /** Where the issuer publishes its keys. */
  readonly jwksUrl: URL;
  readonly issuer: string;
  readonly audience: string;
  /** One of the words in the `scope` (or `scp`) claim must be this one. */
  readonly scope: string | undefined;
}

export type JwtVerdict =
  | { readonly kind: "valid"; readonly subject: string }
  | { readonly kind: "invalid"; readonly reason: string }
  /** The issuer's keys could not be had, so nobody knows. */
  | { readonly kind: "unknown"; readonly cause: unknown };

export type JwtVerifier = (token: string) => Promise<JwtVerdict>;

/** Only signatures whose verifying key signs nothing: with HS256, everybody who can verify could also issue. */
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
/** Seconds that the issuer's clock may be off. */
const CLOCK_TOLERANCE_S = 30;
/** Milliseconds. */
const JWKS_TIMEOUT_MS = 5_000;

/** Verifies JSON Web Tokens by the issuer's published keys, which are fetched when first needed and kept for a while. */
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
        return { kind: "invalid", reason: `its scope lacks ${JSON.stringify(scope)}` };
      }
      return { kind: "valid", subject: String(payload.sub) };
    } catch (error) {
      if (isVerdict(error)) return { kind: "invalid", reason: error.message };
      return { kind: "unknown", cause: error };
    }
  };
}

/** RFC 8693: `scope` is a list of words; some issuers send `scp`, as a list or as words. */
function scopesOf(payload: Readonly<Record<string, unknown>>): readonly string[] {
  const { scope, scp } = payload;
  return [scope, scp].flat().flatMap((words) => typeof words === "string" ? words.split(" ") : []);
}

/** Whether jose judged the token, rather than failed to get the keys. */
function isVerdict(error: unknown): error is errors.JOSEError {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid ||
    error.code === "ERR_JOSE_GENERIC");
}
