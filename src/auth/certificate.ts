import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SecureContextOptions, TlsOptions, TLSSocket } from "node:tls";
import type { Logger } from "@logtape/logtape";
import type { TlsConfig } from "../config/read.ts";
import type { NodeServerRequest } from "../http/handler.ts";
import { readFiles, watchFiles } from "./watch-files.ts";

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
  const files = {
    TLS_CERT_FILE: certFile,
    TLS_KEY_FILE: keyFile,
    ...(clientCaFile === undefined ? {} : { TLS_CLIENT_CA_FILE: clientCaFile }),
  };
  const texts = readFiles(files);
  return {
    current: tlsOptions(texts),
    watch: (onRenew) =>
      watchFiles({
        files,
        last: texts,
        onChange(renewed) {
          onRenew(tlsOptions(renewed));
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
 * Throws if certificate and key do not match, which Deno notices only when a client connects. A client whose certificate
 * cannot be verified may connect, so that it gets a readable error; its socket is not `authorized`.
 */
function tlsOptions([cert, key, ca]: readonly string[]): ServerTls {
  const certificate = parse("TLS_CERT_FILE", "a certificate in PEM", () => new X509Certificate(cert));
  const privateKey = parse("TLS_KEY_FILE", "an unencrypted private key in PEM", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new RangeError("TLS_KEY_FILE: expected the private key of the certificate in TLS_CERT_FILE, got another one");
  }
  const options = { cert, key, minVersion: "TLSv1.2" } as const;
  if (ca === undefined) return options;
  parse("TLS_CLIENT_CA_FILE", "a certificate in PEM", () => new X509Certificate(ca));
  return { ...options, ca, requestCert: true, rejectUnauthorized: false };
}

function parse<T>(variable: string, expected: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new RangeError(`${variable}: expected ${expected}: ${(error as Error).message}`, { cause: error });
  }
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
