import { createHash, type KeyObject } from "node:crypto";
import type { Proof } from "./evidence.ts";
import { ambiguityOf, flattenedString, joined } from "./flatten.ts";
import type { JsonObject } from "./json.ts";
import { type Release, type ReleaseName, RELEASES, signingScheme, type SignType } from "./release.ts";
import { signRsa, verifyRsa } from "./rsa.ts";
import { type Members, type NestedForm, sign, signedMembers, type SigningScheme, verify } from "./sign.ts";

/** What an account signs and verifies with: a secret, or on 4.0.0-beta keys. */
export interface SigningKeys {
  readonly signType: SignType;
  /** Empty where the release signs with keys. */
  readonly secret: string;
  /** Also accepted when verifying replies, and signed with where DaxPay rejects the other, while the secret is changed. */
  readonly previousSecret?: string;
  /** RSA; the merchant's. */
  readonly privateKey?: KeyObject;
  /** RSA; signed with where DaxPay rejects the other, while the key is changed. */
  readonly previousPrivateKey?: KeyObject;
  /** RSA; any of the platform's keys may have signed a reply. */
  readonly platformKeys?: readonly KeyObject[];
}

/** Signs requests and verifies replies of one release. */
export interface Signer {
  /** Returns the value of a request's member `sign`. */
  sign(members: Members): string;
  /** How the signature of a received object was verified; undefined where it is genuine by no key. */
  verify(object: JsonObject, signature: string, form: NestedForm): Proof | undefined;
  /** Returns why a verified object could be another one that has the same signature; see `ambiguityOf`. */
  ambiguityOf(object: JsonObject): string | undefined;
  /** What DaxPay knows and must not be shown. */
  readonly secrets: readonly string[];
}

/** Throws a RangeError if the release has no such sign type, or a key is missing; no valid configuration is so. */
export function createSigner(name: ReleaseName, keys: SigningKeys): Signer {
  return createSigners(name, keys)[0];
}

/** One signer for each secret or key that DaxPay may expect, the present one first. Each verifies by all of them. */
export function createSigners(name: ReleaseName, keys: SigningKeys): [Signer, ...Signer[]] {
  const { signing }: Release = RELEASES[name];
  if (signing === "rsa") {
    const { previousPrivateKey } = keys;
    return [
      createRsaSigner(keys),
      ...(previousPrivateKey ? [createRsaSigner({ ...keys, privateKey: previousPrivateKey })] : []),
    ];
  }
  const { secret, previousSecret } = keys;
  const scheme = signingScheme(name, keys.signType);
  if (!previousSecret || previousSecret === secret) return [createDigestSigner(scheme, [secret])];
  return [createDigestSigner(scheme, [secret, previousSecret]), createDigestSigner(scheme, [previousSecret, secret])];
}

/** Signs with the first secret; any may have signed a reply. */
export function createDigestSigner(scheme: SigningScheme, secrets: readonly string[]): Signer {
  return {
    sign: (members) => sign(members, secrets[0], scheme),
    verify(object, signature, form) {
      const members = signedMembers(object, form);
      const secret = secrets.find((secret) => verify(members, signature, secret, scheme));
      if (secret === undefined) return undefined;
      return { signature, algorithm: scheme.algorithm, fingerprint: fingerprintOf(secret) };
    },
    ambiguityOf: () => undefined,
    secrets,
  };
}

function createRsaSigner({ privateKey, platformKeys = [] }: SigningKeys): Signer {
  if (!privateKey || platformKeys.length === 0) throw new RangeError("expected a private key and platform keys");
  return {
    sign: (members) => signRsa(joined(members), privateKey),
    verify(object, signature) {
      const text = flattenedString(object);
      const key = platformKeys.find((key) => verifyRsa(text, signature, [key]));
      if (!key) return undefined;
      return {
        signature,
        algorithm: "RSA_SHA256",
        fingerprint: fingerprintOf(key.export({ type: "spki", format: "der" })),
      };
    },
    ambiguityOf,
    secrets: [],
  };
}

/** Tells secrets and keys apart. The prefix keeps it from being the hash of a secret that others may have published. */
function fingerprintOf(key: string | Uint8Array): string {
  return createHash("sha256").update("daxpay-refund-sync ").update(key).digest("hex").slice(0, 16);
}
