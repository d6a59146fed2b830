import { createHash, timingSafeEqual } from "node:crypto";

/** The accepted bearer tokens. */
export interface Tokens {
  /** Finds the entry of the token; undefined if the token is not listed. */
  find(token: string): TokenEntry | undefined;
  /** Whether the token of that entry is also listed here, with the same name and scope. */
  has(entry: TokenEntry): boolean;
}

/** One line of the tokens file. */
export interface TokenEntry {
  /** Name of the token's holder. */
  readonly name: string;
  /** Whether the token is limited to /metrics. */
  readonly metricsOnly: boolean;
  /** SHA-256 of the token. */
  readonly digest: Uint8Array;
}

/** Shorter tokens can be guessed. */
const MIN_LENGTH = 16;
/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
/** What a token can be limited to. */
const SCOPE = "metrics";

/**
 * Reads a tokens file: one `name token` per line, separated by white space, with a third word `metrics` if the token may
 * read /metrics only. `#` begins a comment line. A name may have several tokens, as during a rotation; a token has one line.
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
    has({ digest, name, metricsOnly }) {
      const found = findDigest(digest);
      return found !== undefined && found.name === name && found.metricsOnly === metricsOnly;
    },
  };
}

/** Never quotes a word: any of them may be a token. */
function entryFrom(content: string, line: number): TokenEntry {
  const reject = (expected: string, actual: string): never => {
    throw new RangeError(`line ${line}: expected ${expected}, got ${actual}`);
  };
  const words = content.trim().split(/\s+/);
  const [name, token, scope] = words;
  if (words.length < 2 || words.length > 3) {
    return reject(
      `a name, a token and optionally ${SCOPE}`,
      `${words.length} ${words.length === 1 ? "word" : "words"}`,
    );
  }
  if (!TOKEN.test(token)) return reject("a token of letters, digits and -._~+/", "other characters");
  if (token.length < MIN_LENGTH) return reject(`a token of at least ${MIN_LENGTH} characters`, `${token.length}`);
  if (scope !== undefined && scope !== SCOPE) return reject(`${SCOPE} or nothing behind the token`, "another word");
  return { name, metricsOnly: scope === SCOPE, digest: digestOf(token) };
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
