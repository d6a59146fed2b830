import { Buffer } from "node:buffer";
import { type KeyObject, sign, verify } from "node:crypto";

/** Signs a text with SHA256withRSA (PKCS#1 v1.5) and returns standard Base64. */
export function signRsa(text: string, privateKey: KeyObject): string {
  return sign("sha256", Buffer.from(text, "utf8"), privateKey).toString("base64");
}

/** Checks a Base64 signature with each of the public keys. Base64 is read strictly: one signature has one spelling. */
export function verifyRsa(text: string, signature: string, publicKeys: readonly KeyObject[]): boolean {
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length === 0 || bytes.toString("base64") !== signature) return false;
  const signed = Buffer.from(text, "utf8");
  return publicKeys.some((key) => verify("sha256", signed, key, bytes));
}
