import { createHash, timingSafeEqual } from "node:crypto";

/** The bearer tokens that are accepted. */
export interface Tokens {
  /** Name of the token's holder; undefined for a token that is not listed. */
  nameOf(token: string): string | undefined;
}

/** Shorter ones can be guessed. */
const MIN_LENGTH = 16;
/** RFC 6750, 2.1: what a bearer token may be made of. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** Reads one `name token` per line; `#` begins a comment line. Throws on the first line that is none of these. */
export function parseTokens(text: string): Tokens {
  const entries: { readonly name: string; readonly digest: Uint8Array }[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [name, token, ...rest] = line.trim().split(/\s+/);
    const where = `line ${index + 1} of the tokens file`;
    if (!token || rest.length > 0) {
      throw new RangeError(`Found ${rest.length + 2 - (token ? 0 : 1)} words in ${where}, wanted a name and a token`);
    }
    if (!TOKEN.test(token)) throw new RangeError(`Found characters in ${where} that no bearer token has`);
    if (token.length < MIN_LENGTH) {
      throw new RangeError(`Found a token of ${token.length} characters in ${where}, wanted ${MIN_LENGTH} or more`);
    }
    entries.push({ name, digest: digestOf(token) });
  }
  if (entries.length === 0) throw new RangeError("Found no token in the tokens file, wanted one or more");

  return {
    nameOf(token) {
      const digest = digestOf(token);
      let holder: string | undefined;
      // Digests are of one length, and every entry is compared: time tells neither a token's length nor its place.
      for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) holder = entry.name;
      return holder;
    },
  };
}

function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
