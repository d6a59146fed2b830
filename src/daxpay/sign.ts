import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { plainDecimal } from "./decimal.ts";
import type { Json, JsonObject } from "./json.ts";

/** The digest of the string; what DaxPay's administrators choose is a SignType. */
export type Algorithm = "HMAC_SHA256" | "MD5" | "SM3";

/** Name and text of each member that is signed, in any order. */
export type Members = Iterable<readonly [name: string, text: string]>;

export interface SigningScheme {
  readonly algorithm: Algorithm;
  /** Whether the whole string, secret included, is upper-cased before it is hashed (3.0.0). */
  readonly upperCase: boolean;
}

const DIGESTS: Record<Algorithm, (text: string, secret: string) => string> = {
  HMAC_SHA256: (text, secret) => createHmac("sha256", secret).update(text, "utf8").digest("hex"),
  MD5: (text) => createHash("md5").update(text, "utf8").digest("hex"),
  SM3: (text) => createHash("sm3").update(text, "utf8").digest("hex"),
};

/**
 * Signs members as DaxPay's PaySignUtil does and returns lower-case hex.
 *
 * With secret `123456`, HMAC_SHA256 and no upper-casing, the members `clientIp=127.0.0.1`,
 * `refundNo=DEVR24051020531763000004`, `reqTime=1715575932` give `a375e551…0d7` (DaxPay's own page).
 */
export function sign(members: Members, secret: string, rule: SigningScheme): string {
  const text = `${linkString(members)}&key=${secret}`;
  return DIGESTS[rule.algorithm](rule.upperCase ? text.toUpperCase() : text, secret);
}

/** Checks a received signature, hex in either case, in constant time for texts of one length. */
export function verify(members: Members, signature: string, secret: string, rule: SigningScheme): boolean {
  const expected = Buffer.from(sign(members, secret, rule));
  const actual = Buffer.from(signature.toLowerCase());
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** Members joined in the order of their UTF-16 names; the signature itself takes no part. */
function linkString(members: Members): string {
  return [...members]
    .filter(([name]) => name !== "sign")
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `${name}=${text}`)
    .join("&")
    // DaxPay deletes these two from the joined string, also from plain values (PaySignUtil.createLinkString).
    .replace(/["\\]/g, "");
}

/** How DaxPay's bean differs from the JSON that it sent; see ReplySigning. */
export interface NestedForm {
  readonly trimZeros: boolean;
  readonly superclassLast: readonly string[];
  /** Whether the members are signed in the order of their names, ignoring case: 3.0.0 does so with a Java map. */
  readonly sortedNames?: boolean;
}

const AS_RECEIVED: NestedForm = { trimZeros: false, superclassLast: [] };

/** Lists the members of a received object as DaxPay signed them: all that are not null, whatever their names. */
export function signedMembers(object: JsonObject, form = AS_RECEIVED): [name: string, text: string][] {
  const members: [string, string][] = [];
  for (const [name, value] of object.members) {
    const text = textOf(value, form);
    if (text !== undefined) members.push([name, text]);
  }
  return members;
}

/** Null and empty lists are left out, the empty string is not. */
function textOf(value: Json, form: NestedForm): string | undefined {
  switch (value.type) {
    case "null":
      return undefined;
    case "array":
      return value.items.length === 0 ? undefined : nestedText(value, form);
    case "object":
      return nestedText(value, form);
    case "string":
      return value.value;
    case "number":
      return value.text;
    case "boolean":
      return String(value.value);
  }
}

/**
 * Writes nested JSON as DaxPay's server does for signing (hutool-json): nulls dropped, compact. Only the letters of its
 * escapes matter, since their backslashes and all quotes are deleted afterwards.
 */
function nestedText(value: Json, form: NestedForm): string {
  switch (value.type) {
    case "null":
      return "null";
    case "boolean":
      return String(value.value);
    case "number":
      return form.trimZeros ? plainDecimal(value.text) ?? value.text : value.text;
    case "string":
      return `"${escaped(value.value)}"`;
    case "array":
      return `[${value.items.map((item) => nestedText(item, form)).join(",")}]`;
    case "object":
      return `{${
        inSignedOrder(value, form)
          .filter(([, member]) => member.type !== "null")
          .map(([name, member]) => `"${escaped(name)}":${nestedText(member, form)}`)
          .join(",")
      }}`;
  }
}

function inSignedOrder({ members }: JsonObject, form: NestedForm): [name: string, member: Json][] {
  const { superclassLast, sortedNames } = form;
  // A received object has no two names that differ only in case.
  if (sortedNames) return [...members].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  if (superclassLast.length === 0) return [...members];
  const last = superclassLast.flatMap((name): [string, Json][] => {
    const member = members.get(name);
    return member ? [[name, member]] : [];
  });
  return [...[...members].filter(([name]) => !superclassLast.includes(name)), ...last];
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
};

/** The characters that hutool-json escapes besides quote and backslash (JSONUtil.escape). */
// deno-lint-ignore no-control-regex
const ESCAPED = /[\u0000-\u001f\u0080-\u00a0\u2000-\u2010\u2028-\u202f\u2066-\u206f]/g;

function escaped(text: string): string {
  return text.replace(
    ESCAPED,
    (char) => SHORT_ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
