import { Code, ConnectError } from "@connectrpc/connect";
import type { Identity } from "./identity.ts";
import type { JwtVerifier } from "./jwt.ts";
import type { Tokens } from "./tokens.ts";

/** Credentials of a request, known before its body is read. */
export interface Credentials {
  readonly authorization: string | null;
  /** Common name of the client certificate, if TLS verified one. */
  readonly clientCertName: string | undefined;
}

export interface AuthOptions {
  /** Returns the tokens currently accepted; undefined if none are configured. */
  readonly tokens: (() => Tokens) | undefined;
  readonly jwt: JwtVerifier | undefined;
  /** Whether a client certificate authenticates its holder. */
  readonly clientCertificates: boolean;
  /** Wall clock in epoch milliseconds, by which JWTs expire. */
  readonly now: () => number;
}

/**
 * Returns the caller; undefined if no credentials are required. Throws `unauthenticated`, and `unavailable` if a JWT
 * cannot be checked because the issuer's keys cannot be fetched.
 */
export type Authenticate = (credentials: Credentials) => Promise<Identity | undefined>;

/**
 * Accepts a listed bearer token, a JWT or a client certificate, whichever are configured. A bearer token that is presented
 * must be valid, even next to a valid client certificate.
 */
export function createAuthenticate({ tokens, jwt, clientCertificates, now }: AuthOptions): Authenticate {
  const bearerEnabled = tokens !== undefined || jwt !== undefined;
  const anonymous = !bearerEnabled && !clientCertificates;

  return async ({ authorization, clientCertName }) => {
    if (anonymous) return undefined;
    if (bearerEnabled && authorization !== null) return await holderOf(authorization);
    if (clientCertificates && clientCertName !== undefined) {
      return { name: clientCertName, metricsOnly: false, accounts: undefined, valid: () => true };
    }
    throw unauthenticated(missingCredentials(bearerEnabled, clientCertificates));
  };

  async function holderOf(authorization: string): Promise<Identity> {
    const [, token] = /^bearer +([^\s]+)$/i.exec(authorization) ?? [];
    if (!token) throw unauthenticated("Unsupported Authorization scheme; use Bearer");
    const entry = tokens?.().find(token);
    if (entry) return { ...entry, valid: () => tokens?.().has(entry) === true };
    // A JWT always has two dots.
    if (!jwt || token.split(".").length !== 3) throw unauthenticated("Unknown bearer token", "invalid_token");
    const verdict = await jwt(token);
    switch (verdict.kind) {
      case "valid":
        return {
          name: verdict.subject,
          metricsOnly: false,
          accounts: verdict.accounts,
          valid: () => now() < verdict.expiresAt,
        };
      case "invalid":
        throw unauthenticated(`Invalid bearer token: ${verdict.reason}`, "invalid_token");
      case "unknown":
        throw new ConnectError("Cannot fetch the issuer's JWKS", Code.Unavailable, undefined, [], verdict.cause);
    }
  }

  /** RFC 6750, 3: the scheme, and `error` only if a token was presented. */
  function unauthenticated(message: string, error?: string): ConnectError {
    const challenge = error ? `Bearer error="${error}"` : "Bearer";
    return new ConnectError(
      message,
      Code.Unauthenticated,
      bearerEnabled ? { "www-authenticate": challenge } : undefined,
    );
  }
}

function missingCredentials(bearerEnabled: boolean, clientCertificates: boolean): string {
  const accepted = [
    ...(bearerEnabled ? ["a bearer token"] : []),
    ...(clientCertificates ? ["a client certificate"] : []),
  ];
  return `Missing credentials: send ${accepted.join(" or ")}`;
}
