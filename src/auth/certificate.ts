import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { SecureContextOptions, TlsOptions, TLSSocket } from "node:tls";
import type { Logger } from "@logtape/logtape";
import type { TlsConfig } from "../config/read.ts";
import type { NodeServerRequest } from "../http/handler.ts";
import { describeBlocks, pemBlocks } from "./pem.ts";
import { type Files, readFiles, watchFiles } from "./watch-files.ts";

/** Options of a TLS server, of one certificate. */
export type ServerTls = SecureContextOptions & TlsOptions;

export interface CertificateFiles {
  /** What the files held when they were loaded. */
  readonly current: ServerTls;
  /** Passes on every later certificate; one that cannot be used is logged. */
  watch(onRenew: (renewed: ServerTls) => void): Disposable;
}

/** Loads the server's certificate. Throws an error that names the variable whose file cannot be used. */
export function loadCertificate({ certFile, keyFile, clientCaFile }: TlsConfig, logger: Logger): CertificateFiles {
  const files: Files = {
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    ...(clientCaFile === undefined ? {} : { TLS_CLIENT_CA_FILE: clientCaFile }),
  };
  const texts = readFiles(files);
  return {
    current: tlsOptions(files, texts),
    watch: (onRenew) =>
      watchFiles({
        read: () => readFiles(files),
        last: texts,
        onChange(renewed) {
          onRenew(tlsOptions(files, renewed));
          logger.info("Reloaded TLS certificate; it applies to new connections");
        },
        // Certificate and key change one after the other, so that they may not match for a moment.
        onFailure: (error) =>
          logger.error("Cannot use the changed TLS certificate, keeping the previous one: {error}", {
            error: error.message,
          }),
      }),
  };
}

/**
 * Takes certificates and key out of the texts, whatever else is in them. Throws if they do not match, which Deno notices
 * only when a client connects. A client whose certificate cannot be verified may connect, so that it gets a readable error;
 * its socket is not `authorized`.
 */
function tlsOptions(files: Files, texts: readonly string[]): ServerTls {
  const [certFile, keyFile, caFile] = Object.entries(files)
    .map(([variable, path], index): PemFile => ({ variable, path, text: texts[index] }));
  const { first, pem: cert } = certificatesIn(certFile);
  const { key, pem } = keyIn(keyFile);
  if (!first.checkPrivateKey(key)) {
    throw fault(keyFile, "the private key of TLS_CERT_FILE's first certificate", "another one");
  }
  const options = { cert, key: pem, minVersion: "TLSv1.2" } as const;
  if (!caFile) return options;
  return { ...options, ca: certificatesIn(caFile).pem, requestCert: true, rejectUnauthorized: false };
}

interface PemFile {
  readonly variable: string;
  readonly path: string;
  readonly text: string;
}

function certificatesIn(file: PemFile): { readonly first: X509Certificate; readonly pem: string } {
  const blocks = pemBlocks(file.text);
  const texts = blocks.filter(({ label }) => label === "CERTIFICATE").map(({ text }) => text);
  if (texts.length === 0) throw fault(file, "a certificate in PEM", describeBlocks(blocks));
  const [first] = texts.map((text, index) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw fault(file, "certificates in PEM", `a broken one in place ${index + 1}`, error);
    }
  });
  return { first, pem: texts.join("") };
}

function keyIn(file: PemFile): { readonly key: KeyObject; readonly pem: string } {
  const expected = "an unencrypted private key in PEM";
  const blocks = pemBlocks(file.text);
  const pem = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"))?.text;
  if (pem === undefined) throw fault(file, expected, describeBlocks(blocks));
  if (pem.includes("ENCRYPTED")) throw fault(file, expected, "an encrypted one, which `openssl pkey` decrypts");
  try {
    return { key: createPrivateKey(pem), pem };
  } catch (error) {
    throw fault(file, expected, "a broken one", error);
  }
}

function fault({ variable, path }: PemFile, expected: string, got: string, cause?: unknown): RangeError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new RangeError(`${variable}: expected ${expected} in "${path}", got ${got}${why}`, { cause });
}

/** Common name (CN) in the subject of the verified client certificate. */
export function clientCertNameOf(request: NodeServerRequest): string | undefined {
  const socket = request.socket as Partial<TLSSocket>;
  if (!socket.authorized || !socket.getPeerCertificate) return undefined;
  // Empty if the client sent none.
  const { subject } = socket.getPeerCertificate();
  const name: string | readonly string[] | undefined = subject?.CN;
  return typeof name === "string" && name !== "" ? name : undefined;
}
