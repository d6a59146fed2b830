import { createHash, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ACCOUNT_NAME } from "../config/accounts.ts";

/** The accepted bearer tokens. */
export interface Tokens {
  /** Finds the entry of the token; undefined if the token is not listed. */
  find(token: string): TokenEntry | undefined;
  /** Whether the token of that entry is also listed here, with the same name and limits. */
  has(entry: TokenEntry): boolean;
}

/** One line of the tokens file. */
export interface TokenEntry {
  /** Name of the token's holder. */
  readonly name: string;
  /** Whether the token is limited to /metrics. */
  readonly metricsOnly: boolean;
  /** Names of the accounts that the token is limited to; undefined for all. */
  readonly accounts: ReadonlySet<string> | undefined;
  /** SHA-256 of the token. */
  readonly digest: Uint8Array;
}

/** Shorter tokens can be guessed. */
const MIN_LENGTH = 16;
/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** Limits a token to /metrics. */
const METRICS = "metrics";
/** Limits a token to accounts, as in `accounts=shop,outlet`. */
const ACCOUNTS = /^accounts=(.*)$/;

/**
 * Reads a tokens file: one `name token` per line, separated by white space, with a third word `metrics` if the token may
 * read /metrics only, or `accounts=` and names separated by commas if it may use only these accounts. `#` begins a comment line. A name may have several tokens, as during a rotation; a token has one line.
 * Throws on the first line that is none of these.
 */
export function parseTokens(text: string): Tokens {
  const entries: (TokenEntry & { readonly line: number })[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(content)) continue;
    const line = index + 1;
    const entry = { ...entryFrom(content, line), line };
    const other = entries.find(({ digest }) => timingSafeEqual(digest, entry.digest));
    if (other) throw new RangeError(`line ${line}: expected another token, got that of line ${other.line}`);
    entries.push(entry);
  }
  if (entries.length === 0) throw new RangeError("expected at least one `name token` line, got none");

  const findDigest = (digest: Uint8Array) => {
    let found: TokenEntry | undefined;
    // Constant time in the token's length and position.
    for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry;
    return found;
  };
  return {
    find: (token) => findDigest(digestOf(token)),
    has({ digest, name, metricsOnly, accounts }) {
      const found = findDigest(digest);
      return found !== undefined && found.name === name && found.metricsOnly === metricsOnly &&
        isDeepStrictEqual(found.accounts, accounts);
    },
  };
}

/** Never quotes a word: any of them may be a token. */
function entryFrom(content: string, line: number): TokenEntry {
  const reject = (expected: string, actual: string): never => {
    throw new RangeError(`line ${line}: expected ${expected}, got ${actual}`);
  };
  const words = content.trim().split(/\s+/);
  const [name, token, limit] = words;
  if (words.length < 2 || words.length > 3) {
    return reject(
      `a name, a token and optionally ${METRICS} or accounts=…`,
      `${words.length} ${words.length === 1 ? "word" : "words"}`,
    );
  }
  if (!TOKEN.test(token)) return reject("a token of letters, digits and -._~+/", "other characters");
  if (token.length < MIN_LENGTH) return reject(`a token of at least ${MIN_LENGTH} characters`, `${token.length}`);
  const accounts = ACCOUNTS.exec(limit ?? "")?.[1].split(",");
  if (limit !== undefined && limit !== METRICS && !accounts) {
    return reject(`${METRICS}, accounts=… or nothing behind the token`, "another word");
  }
  if (accounts && !accounts.every((account) => ACCOUNT_NAME.test(account))) {
    return reject("names of accounts separated by commas behind accounts=", "another text");
  }
  return { name, metricsOnly: limit === METRICS, accounts: accounts && new Set(accounts), digest: digestOf(token) };
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
