import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";

/** A text that holds no key of the kind needed. The message completes "got …" and shows nothing of the text. */
export class KeyError extends Error {
  override readonly name = "KeyError";
}

/**
 * Reads an RSA private key, PKCS#8 or PKCS#1, from PEM or bare Base64, in whatever shape copying has left it. Throws a
 * KeyError.
 */
export function readPrivateKey(text: string): KeyObject {
  const keys = readKeys(text);
  if (keys.length > 1) throw new KeyError(`${keys.length} keys`);
  return keys.map((key) => ofType("private", key))[0];
}

/** Reads one or more RSA public keys, SPKI, PKCS#1 or X.509 certificates, like `readPrivateKey`. Throws a KeyError. */
export function readPublicKeys(text: string): [KeyObject, ...KeyObject[]] {
  const [first, ...others] = readKeys(text).map((key) => ofType("public", key));
  return [first, ...others];
}

/** More than several certificates have; longer texts are no keys, and would only cost time. */
const MAX_LENGTH = 64 * 1024;
/** RSA keys that are shorter can be factored. */
const MIN_BITS = 2048;

function ofType(type: "private" | "public", key: KeyObject): KeyObject {
  if (key.type !== type) throw new KeyError(`a ${key.type} key`);
  if (key.asymmetricKeyType !== "rsa") throw new KeyError(`a key of type ${key.asymmetricKeyType ?? "unknown"}`);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_BITS) throw new KeyError(`a key of ${bits} bits, which is too short`);
  return key;
}

/** Returns at least one key. */
function readKeys(text: string): KeyObject[] {
  if (text.length > MAX_LENGTH) throw new KeyError(`a text of ${text.length} characters`);
  const plain = withoutDamage(text);
  const foreign = FOREIGN_LABELS.find(({ pattern }) => pattern.test(plain));
  if (foreign) throw new KeyError(foreign.got);
  const keys = derFrom(plain.replace(ARMOR, "\n").replace(/-{4,}/g, "\n")).map(keyFromDer);
  if (keys.length === 0) throw new KeyError("no key in it");
  return keys;
}

/** A line of PEM around the key: its dashes may have been lost, or replaced by a text processor. */
const ARMOR =
  /[-\u2010-\u2015\u2212]{0,20}\s{0,3}\b(?:BEGIN|END)\s*(?:(?:RSA|EC|TRUSTED|X509)\s*)?(?:(?:PRIVATE|PUBLIC)\s*KEY|CERTIFICATE)\s*[-\u2010-\u2015\u2212]*/g;

const FOREIGN_LABELS: readonly { readonly pattern: RegExp; readonly got: string }[] = [
  { pattern: /ENCRYPTED/, got: "an encrypted private key" },
  { pattern: /OPENSSH PRIVATE KEY/, got: "an OpenSSH private key" },
  { pattern: /CERTIFICATE REQUEST/, got: "a certificate request" },
  { pattern: /\bssh-rsa\b/, got: "an OpenSSH public key" },
];

/** Undoes what editors, shells, JSON and chat programs do to a key. */
function withoutDamage(text: string): string {
  const plain = text
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}\0]/gu, "")
    .replace(/\\r|\\n|\\t/g, "\n")
    .replace(/^\s*#.*$/gm, "")
    .replace(/["'`“”‘’\\]/g, "")
    // Also the no-break and full-width spaces of web pages.
    .replace(/[^\S\n]+/g, " ");
  const decoded = /BEGIN/.test(plain) ? "" : Buffer.from(plain, "base64").toString("latin1");
  // A whole PEM file in Base64, as Kubernetes writes it.
  return /-----BEGIN [A-Z0-9 ]+-----/.test(decoded) ? withoutDamage(decoded) : plain;
}

/** Joins pieces of Base64 until the length is reached that the structure at their start declares. */
function derFrom(text: string): Buffer[] {
  const found: Buffer[] = [];
  let base64 = "";
  for (const piece of text.split(/[\s,;]+/)) {
    if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(piece)) throw new KeyError("characters that are not Base64");
    base64 += piece.replace(/=+$/, "");
    const bytes = Buffer.from(base64, "base64");
    const length = derLength(bytes);
    if (length === undefined || bytes.length < length) continue;
    if (bytes.length > length) throw new KeyError("a key with more behind its end");
    found.push(bytes);
    base64 = "";
  }
  if (base64 === "") return found;
  throw new KeyError(derLength(Buffer.from(base64, "base64")) ? "a key that is cut off" : "no RSA key");
}

/** Length of an ASN.1 sequence with its head; undefined where it is none, or its head is incomplete. */
function derLength(bytes: Buffer): number | undefined {
  if (bytes[0] !== 0x30 || bytes.length < 2) return undefined;
  if (bytes[1] < 0x80) return 2 + bytes[1];
  const size = bytes[1] & 0x7f;
  return size > 0 && size <= 3 && bytes.length >= 2 + size ? 2 + size + bytes.readUIntBE(2, size) : undefined;
}

/** The label of a PEM file is often wrong, so that only the structure counts. */
const READERS: readonly ((key: Buffer) => KeyObject)[] = [
  (key) => createPrivateKey({ key, format: "der", type: "pkcs8" }),
  (key) => createPrivateKey({ key, format: "der", type: "pkcs1" }),
  (key) => createPublicKey({ key, format: "der", type: "spki" }),
  (key) => createPublicKey({ key, format: "der", type: "pkcs1" }),
  (key) => new X509Certificate(key).publicKey,
];

function keyFromDer(der: Buffer): KeyObject {
  for (const read of READERS) {
    try {
      return read(der);
    } catch {
      continue; // another structure
    }
  }
  throw new KeyError("no RSA key");
}
