import { createHash, createHmac } from "node:crypto";
import { Literal } from "./json.ts";

export const ALGORITHMS = ["HMAC_SHA256", "MD5", "SM3"] as const;
export type Algorithm = typeof ALGORITHMS[number];

/** A JSON object in wire order. */
export type Members = Readonly<Record<string, unknown>>;

/** How a server signs its replies, and verifies the requests. */
export interface Signer {
  /** Signs a reply; with the key before the current one where `previous` is set. */
  sign(members: Members, previous?: boolean): string;
  /** Checks the signature of a request. `malformed`: it has not even the form of one. */
  verify(members: Members, sign: string | null): "valid" | "wrong" | "malformed";
}

/** A signer whose requests and replies share a secret. */
export function createDigestSigner(key: SignKey & { readonly previousSecret: string }): Signer {
  return {
    sign: (members, previous) => sign(members, previous ? { ...key, secret: key.previousSecret } : key),
    // DaxPay compares with `equals`: upper-case hex is wrong.
    verify: (members, found) => found === sign(members, key) ? "valid" : "wrong",
  };
}

export interface SignKey {
  readonly algorithm: Algorithm;
  readonly secret: string;
  /** Whether the text is upper-cased before it is hashed; the HMAC's own key never is. */
  readonly upperCase: boolean;
}

/**
 * Signs as DaxPay's PaySignUtil does; lower-case hex. The members `code=0`, `resTime=1715576198` and
 * `status=pay_not_found` under HMAC_SHA256 with secret `123456` give `913e925d…0df9`.
 */
export function sign(members: Members, { algorithm, secret, upperCase }: SignKey): string {
  const plain = `${signedText(members)}&key=${secret}`;
  const text = upperCase ? plain.toUpperCase() : plain;
  switch (algorithm) {
    case "HMAC_SHA256":
      return createHmac("sha256", secret).update(text).digest("hex");
    case "MD5":
      return createHash("md5").update(text).digest("hex");
    case "SM3":
      return createHash("sm3").update(text).digest("hex");
  }
}

function signedText(members: Members): string {
  const pairs: string[] = [];
  for (const name of Object.keys(members).sort()) {
    const value = members[name];
    if (name === "sign" || value === null || value === undefined) continue;
    pairs.push(`${name}=${typeof value === "object" ? nested(value) : value}`);
  }
  // PaySignUtil removes quotes and backslashes from the joined text, wherever they came from.
  return pairs.join("&").replace(/["\\]/g, "");
}

/** What hutool-json escapes besides the characters that JSON demands. */
const HUTOOL_ESCAPES = /[\u0080-\u00a0\u2000-\u2010\u2028-\u202f\u2066-\u206f]/g;

/** hutool-json keeps the order of the members and drops the null ones. */
function nested(value: object): string {
  if (value instanceof Literal) return value.plain;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member === null || member === undefined) continue;
    members.push(`${name}:${typeof member === "object" ? nested(member) : JSON.stringify(member)}`);
  }
  return `{${members.join(",")}}`.replace(
    HUTOOL_ESCAPES,
    (char) => `u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
