import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseJson } from "../../src/daxpay/json.ts";
import { readQueryReply, readReply, type ReplyContext } from "../../src/daxpay/reply.ts";
import { RELEASES } from "../../src/daxpay/release.ts";
import { createSigner } from "../../src/daxpay/signer.ts";

interface Vector {
  readonly kind: "request" | "reply";
  readonly name: string;
  readonly signedWith?: "merchant" | "platform";
  readonly path?: string;
  readonly body: string;
  readonly stringToSign?: string;
  readonly sign?: string;
  readonly valid: boolean;
}

interface Vectors {
  readonly keys: {
    readonly merchant: { readonly privatePkcs8: string; readonly privatePkcs1: string; readonly publicSpki: string };
    readonly platform: { readonly privatePkcs8: string; readonly publicSpki: string };
  };
  readonly vectors: readonly Vector[];
  readonly golden: {
    readonly privateKey: string;
    readonly publicKey: string;
    readonly vectors: readonly {
      readonly name: string;
      readonly input: string;
      readonly stringToSign: string;
      readonly sign: string;
    }[];
  };
}

export const V4: Vectors = JSON.parse(
  readFileSync(path.join(import.meta.dirname ?? "", "v4-vectors.json"), "utf8"),
);

export function vector(name: string): Vector {
  const found = V4.vectors.find((one) => one.name === name);
  if (!found) throw new RangeError(`expected a vector, got "${name}"`);
  return found;
}

/** Keys by node:crypto, not by the code that is tested. */
export function privateKeyOf(base64: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(base64, "base64"), format: "der", type: "pkcs8" });
}

export function publicKeyOf(base64: string): KeyObject {
  return createPublicKey({ key: Buffer.from(base64, "base64"), format: "der", type: "spki" });
}

export const MERCHANT = privateKeyOf(V4.keys.merchant.privatePkcs8);
export const PLATFORM = privateKeyOf(V4.keys.platform.privatePkcs8);
export const PLATFORM_PUBLIC = publicKeyOf(V4.keys.platform.publicSpki);

export const signer = createSigner("4.0.0-beta", {
  signType: "HMAC_SHA256",
  secret: "",
  privateKey: MERCHANT,
  platformKeys: [PLATFORM_PUBLIC],
});

/** As in every vector. */
export const REQ_ID = "0b6d3f6e-52f2-4a53-9b0c-2c8f3f5a7d11";
export const NOW_4 = Date.UTC(2026, 10, 25, 10, 30, 6);

/** `received` is a query's refund in the vectors. */
export function contextOf4(changes: Partial<ReplyContext> = {}): ReplyContext {
  return {
    release: RELEASES["4.0.0-beta"],
    signer,
    query: { refundNo: "R26112518300500000001", bizRefundNo: "BR20261125-0001", clientIp: "", nonceStr: "" },
    reqId: REQ_ID,
    timeZone: "America/New_York",
    now: NOW_4,
    maxSkewMs: 300_000,
    ...changes,
  };
}

export function read4(body: string | Uint8Array, changes: Partial<ReplyContext> = {}) {
  return readReply(typeof body === "string" ? new TextEncoder().encode(body) : body, contextOf4(changes));
}

export function readQuery4(body: string | Uint8Array, changes: Partial<ReplyContext> = {}) {
  return readQueryReply(typeof body === "string" ? new TextEncoder().encode(body) : body, contextOf4(changes));
}

/** A reply body of the platform, signed over a string that the test writes out. */
export function signed4(body: string, stringToSign: string, key = PLATFORM): string {
  const signature = sign("sha256", Buffer.from(stringToSign), key).toString("base64");
  return body.replace('"sign":""', `"sign":"${signature}"`);
}

export function objectOf(text: string) {
  const json = parseJson(text);
  if (json.type !== "object") throw new TypeError("expected an object");
  return json;
}
