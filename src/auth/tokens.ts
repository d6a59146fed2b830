import { createHash, timingSafeEqual } from "node:crypto";

/** The accepted bearer tokens. */
export interface Tokens {
  /** Name of the token's holder; undefined if the token is not listed. */
  nameOf(token: string): string | undefined;
}

/** Shorter tokens can be guessed. */
const MIN_LENGTH = 16;
/** RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Reads one `name token` per line; `#` begins a comment line. Throws on the first line that is neither. */
export function parseTokens(text: string): Tokens {
  const entries: { readonly name: string; readonly digest: Uint8Array }[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [name, token, ...rest] = line.trim().split(/\s+/);
    const reject = (expected: string, actual: string): never => {
      throw new RangeError(`line ${index + 1}: expected ${expected}, got ${actual}`);
    };
    if (!token || rest.length > 0) return reject("a name and a token", `${rest.length + (token ? 2 : 1)} words`);
    if (!TOKEN.test(token)) return reject("a token of letters, digits and -._~+/", "other characters");
    if (token.length < MIN_LENGTH) {
      return reject(`a token of at least ${MIN_LENGTH} characters`, `${token.length}`);
    }
    entries.push({ name, digest: digestOf(token) });
  }
  if (entries.length === 0) throw new RangeError("expected at least one `name token` line, got none");

  return {
    nameOf(token) {
      const digest = digestOf(token);
      let holder: string | undefined;
      // Constant time in the token's length and position.
      for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) holder = entry.name;
      return holder;
    },
  };
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
