import { Code, ConnectError } from "@connectrpc/connect";
import type { JwtVerifier } from "./jwt.ts";
import type { Tokens } from "./tokens.ts";

/** What a request shows of its sender before its body is read. */
export interface Credentials {
  readonly authorization: string | null;
  /** Common name in the client certificate's subject, if TLS verified one. */
  readonly clientCertName: string | undefined;
}

export interface AuthOptions {
  /** The tokens that hold now; undefined where none are configured. */
  readonly tokens: (() => Tokens) | undefined;
  readonly jwt: JwtVerifier | undefined;
  /** Whether client certificates count. */
  readonly clientCertificates: boolean;
}

/** Names the sender; undefined where nobody needs to say who they are. Throws `unauthenticated` for anybody else. */
export type Authenticate = (credentials: Credentials) => Promise<string | undefined>;

/**
 * Accepts a bearer token of the list, a JWT or a client certificate, whichever of them are configured. A bearer token
 * that is presented must be right, whatever else is.
 */
export function createAuthenticate({ tokens, jwt, clientCertificates: peers }: AuthOptions): Authenticate {
  const bearers = tokens !== undefined || jwt !== undefined;
  const anybody = !bearers && !peers;

  return async ({ authorization, clientCertName: peer }) => {
    if (anybody) return undefined;
    if (bearers && authorization !== null) return await bearerOf(authorization);
    if (peers && peer !== undefined) return peer;
    throw refused(missingCredentials(bearers, peers));
  };

  async function bearerOf(authorization: string): Promise<string> {
    const [, token] = /^bearer +([^\s]+)$/i.exec(authorization) ?? [];
    if (!token) throw refused('Found an Authorization header of another kind, wanted "Bearer" and a token');
    const holder = tokens?.().nameOf(token);
    if (holder !== undefined) return holder;
    // A token of the list has no two dots by accident only; a JWT always does.
    if (!jwt || token.split(".").length !== 3) throw refused("The bearer token is not known", "invalid_token");
    const verdict = await jwt(token);
    switch (verdict.kind) {
      case "valid":
        return verdict.subject;
      case "invalid":
        throw refused(`The bearer token is not valid: ${verdict.reason}`, "invalid_token");
      case "unknown":
        throw new ConnectError("The issuer's keys cannot be had", Code.Unavailable, undefined, [], verdict.cause);
    }
  }

  /** RFC 6750, 3: the scheme, and `error` only if a token was presented. */
  function refused(message: string, error?: string): ConnectError {
    const challenge = error ? `Bearer error="${error}"` : "Bearer";
    return new ConnectError(message, Code.Unauthenticated, bearers ? { "www-authenticate": challenge } : undefined);
  }
}

function missingCredentials(bearers: boolean, peers: boolean): string {
  const wanted = [...(bearers ? ["a bearer token"] : []), ...(peers ? ["a client certificate"] : [])];
  return `Found no credentials, wanted ${wanted.join(" or ")}`;
}
