// What @peculiar/x509 needs before it is loaded.
import "reflect-metadata";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3600 * 1000;

export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  /** Milliseconds from now. */
  readonly validForMs?: number;
}

/** Creates an authority that issues certificates for 127.0.0.1 and for clients, in a new folder. */
export async function createAuthority() {
  const folder = mkdtempSync(path.join(tmpdir(), "authority-"));
  const keys = await newKeys();
  const name = "CN=Test authority";
  const own = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 30 * DAY_MS),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const caFile = path.join(folder, "ca.pem");
  writeFileSync(caFile, own.toString("pem"));
  let serial = 1;

  async function issue(commonName: string, { validForMs = DAY_MS }: IssueOptions = {}): Promise<Issued> {
    const keysOfIt = await newKeys();
    serial++;
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial.toString(16).padStart(2, "0"),
      issuer: name,
      subject: `CN=${commonName}`,
      publicKey: keysOfIt.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - 2 * DAY_MS),
      notAfter: new Date(Date.now() + validForMs),
      extensions: [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }, { type: "dns", value: "localhost" }]),
      ],
    });
    const cert = certificate.toString("pem");
    const key = pem(await crypto.subtle.exportKey("pkcs8", keysOfIt.privateKey));
    const certFile = path.join(folder, `${serial}.pem`);
    const keyFile = path.join(folder, `${serial}.key`);
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
    return { cert, key, certFile, keyFile };
  }

  return { ca: own.toString("pem"), caFile, folder, issue };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function pem(der: ArrayBuffer): string {
  const lines = btoa(String.fromCharCode(...new Uint8Array(der))).match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
