import { constants, createPrivateKey, createPublicKey, createSign, createVerify, type KeyObject } from "node:crypto";
import { Literal } from "./json.ts";
import type { Members, Signer } from "./signer.ts";

/** The keys that a DaxPay of 4.x holds. */
export interface PlatformKeys {
  readonly platform: KeyObject;
  readonly previousPlatform: KeyObject;
  readonly merchant: KeyObject;
}

/** Signs as DaxPay 4.x does (RsaSignUtil): SHA256withRSA over the flat text, in base64. */
export function createRsaSigner({ platform, previousPlatform, merchant }: PlatformKeys): Signer {
  const bytes = Math.ceil((merchant.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
  return {
    sign(members, previous) {
      const key = previous ? previousPlatform : platform;
      return createSign("RSA-SHA256").update(flatText(members)).sign(
        { key, padding: constants.RSA_PKCS1_PADDING },
        "base64",
      );
    },
    verify(members, found) {
      const signature = decoded(found ?? "");
      // Java's Signature throws where the length is not that of the key.
      if (signature?.length !== bytes) return "malformed";
      const key = { key: merchant, padding: constants.RSA_PKCS1_PADDING };
      return createVerify("RSA-SHA256").update(flatText(members)).verify(key, signature) ? "valid" : "wrong";
    },
  };
}

/** Java's decoder accepts a text without padding, but no other that is not base64. */
function decoded(text: string): Uint8Array | undefined {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text);
  return isBase64 ? Buffer.from(text, "base64") : undefined;
}

/**
 * The text that 4.x signs (JsonSignStrUtil): each value under its path, e.g. `data.adjust=false`, sorted by the path's
 * UTF-16 code units. Nulls, empty objects and empty lists leave nothing.
 */
export function flatText(members: Members): string {
  const pairs = new Map<string, string>();
  for (const [name, value] of Object.entries(members)) flatten(name, value, pairs);
  return [...pairs.keys()].sort().filter((path) => path.toLowerCase() !== "sign")
    .map((path) => `${path}=${pairs.get(path)}`).join("&");
}

function flatten(path: string, value: unknown, pairs: Map<string, string>): void {
  if (value === null || value === undefined) return;
  if (value instanceof Literal) return void pairs.set(path, value.plain);
  if (typeof value !== "object") return void pairs.set(path, String(value));
  // hutool drops the nulls of a list before it counts.
  if (Array.isArray(value)) {
    return value.filter((item) => item !== null).forEach((item, index) => flatten(`${path}[${index}]`, item, pairs));
  }
  for (const [name, member] of Object.entries(value)) flatten(`${path}.${name}`, member, pairs);
}

/** Throws a RangeError, which does not show the text, where it is no PEM of a private RSA key. */
export function readPrivateKey(name: string, pem: string): KeyObject {
  return readKey(name, "private", () => createPrivateKey(pem));
}

/** Throws a RangeError, which does not show the text, where it is no PEM of a public RSA key. */
export function readPublicKey(name: string, pem: string): KeyObject {
  // A private key would be accepted as the public one that it contains.
  return readKey(name, "public", () => pem.includes("PRIVATE KEY") ? undefined : createPublicKey(pem));
}

function readKey(name: string, kind: "private" | "public", read: () => KeyObject | undefined): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {
    key = undefined; // the message might show the key
  }
  if (key?.asymmetricKeyType === "rsa") return key;
  throw new RangeError(`expected ${name} to be the PEM of a ${kind} RSA key, got another text`);
}
