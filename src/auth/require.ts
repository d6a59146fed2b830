import { readFileSync } from "node:fs";
import { ConnectError } from "@connectrpc/connect";
import type { Logger } from "@logtape/logtape";
import type { Config } from "../config/config.ts";
import type { PlainRoute } from "../http/text.ts";
import { type Certificate, checkCertificate, clientCertNameOf } from "./certificate.ts";
import { type Authenticate, createAuthenticate } from "./authenticate.ts";
import { createJwtVerifier } from "./jwt.ts";
import { parseTokens } from "./tokens.ts";
import { watchFiles } from "./watch-files.ts";

/** Milliseconds between looks at files that may change. */
const RELOAD_MS = 1_000;

/** Who may call, by the configuration; the tokens file is read now and again whenever it changes. Throws where it is bad. */
export function loadAuthenticator({ auth, tls }: Config, logger: Logger) {
  let tokens = auth.tokensFile === undefined ? undefined : parseTokens(readFileSync(auth.tokensFile, "utf8"));
  const end = auth.tokensFile === undefined ? () => {} : watchFiles({
    paths: [auth.tokensFile],
    intervalMs: RELOAD_MS,
    onChange([text]) {
      tokens = parseTokens(text);
      logger.info("The tokens file has changed and holds from now on");
    },
    onFailure: (error) =>
      logger.error("The tokens file has changed and cannot be used, the former tokens still hold: {error}", {
        error: (error as Error).message,
      }),
  });
  const authenticate = createAuthenticate({
    tokens: tokens && (() => tokens ?? { nameOf: () => undefined }),
    jwt: auth.jwt && createJwtVerifier(auth.jwt),
    clientCertificates: tls?.clientCaFile !== undefined,
  });
  return { authenticate, close: end };
}

/** The server's certificate, by the configuration; `renew` hears of every other one that its files come to hold. */
export function loadCertificate({ tls }: Config, logger: Logger, renew: (certificate: Certificate) => void) {
  if (!tls) return { first: undefined, close: () => {} };
  const paths = [tls.certFile, tls.keyFile, ...(tls.clientCaFile ? [tls.clientCaFile] : [])];
  const read = ([cert, key, ca]: readonly string[]) => checkCertificate({ cert, key, ca });
  const first = read(paths.map((path) => readFileSync(path, "utf8")));
  const close = watchFiles({
    paths,
    intervalMs: RELOAD_MS,
    onChange(texts) {
      renew(read(texts));
      logger.info("The certificate has changed and holds for new connections");
    },
    // Certificate and key change one after the other, so that they may not match for a moment.
    onFailure: (error) =>
      logger.error("The certificate has changed and cannot be used, the former one still holds: {error}", {
        error: (error as Error).message,
      }),
  });
  return { first, close };
}

/** Asks for the same credentials as an RPC does. */
export function requireAuth(authenticate: Authenticate, route: PlainRoute): PlainRoute {
  return async (request) => {
    try {
      await authenticate({
        authorization: request.headers.authorization ?? null,
        clientCertName: clientCertNameOf(request),
      });
    } catch (error) {
      const { rawMessage, metadata } = ConnectError.from(error);
      return { status: 401, body: `${rawMessage}\n`, headers: Object.fromEntries(metadata) };
    }
    return await route(request);
  };
}
