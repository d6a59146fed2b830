import type { Logger } from "@logtape/logtape";
import type { AuthConfig } from "../config/read.ts";
import { type Authenticate, createAuthenticate } from "./authenticate.ts";
import { createJwtVerifier } from "./jwt.ts";
import { parseTokens, type Tokens } from "./tokens.ts";
import { readFiles, watchFiles } from "./watch-files.ts";

export interface Authenticator extends Disposable {
  readonly authenticate: Authenticate;
}

export interface LoadOptions {
  readonly auth: AuthConfig;
  /** Whether a client certificate authenticates its holder. */
  readonly clientCertificates: boolean;
  /** Wall clock in epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Loads the configured credentials; the tokens file is reloaded when it changes. Throws if it cannot be used. */
export function loadAuthenticator({ auth, clientCertificates, now, logger }: LoadOptions): Authenticator {
  const tokens = auth.tokensFile === undefined ? undefined : loadTokens(auth.tokensFile, logger);
  return {
    authenticate: createAuthenticate({
      tokens: tokens?.current,
      jwt: auth.jwt && createJwtVerifier(auth.jwt),
      clientCertificates,
      now,
    }),
    [Symbol.dispose]: () => tokens?.[Symbol.dispose](),
  };
}

function loadTokens(path: string, logger: Logger): Disposable & { readonly current: () => Tokens } {
  const files = { AUTH_TOKENS_FILE: path };
  const texts = readFiles(files);
  let current = parse(path, texts);
  const watch = watchFiles({
    read: () => readFiles(files),
    last: texts,
    onChange(changed) {
      current = parse(path, changed);
      logger.info("Reloaded tokens file");
    },
    onFailure: (error) =>
      logger.error("Cannot use the changed tokens file, keeping the previous tokens: {error}", {
        error: error.message,
      }),
  });
  return { ...watch, current: () => current };
}

function parse(path: string, [text]: readonly string[]): Tokens {
  try {
    return parseTokens(text);
  } catch (error) {
    throw new RangeError(`AUTH_TOKENS_FILE: ${(error as Error).message} in "${path}"`, { cause: error });
  }
}
