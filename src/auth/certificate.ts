import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SecureContextOptions, TlsOptions, TLSSocket } from "node:tls";
import type { NodeServerRequest } from "../http/listen.ts";

/** What a server proves who it is with, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Who signs client certificates; unset where there are none. */
  readonly ca: string | undefined;
}

/** Throws where certificate and key do not belong together: Deno notices only when a client comes. */
export function checkCertificate({ cert, key, ca }: Certificate): Certificate {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new RangeError("Found a private key that is not the certificate's");
  }
  if (ca !== undefined) new X509Certificate(ca);
  return { cert, key, ca };
}

/**
 * A client without a certificate that can be verified is let in here, so that it gets an answer that it understands; its
 * socket is not `authorized`.
 */
export function tlsOptions({ cert, key, ca }: Certificate): SecureContextOptions & TlsOptions {
  const context = { cert, key, minVersion: "TLSv1.2" } as const;
  return ca === undefined ? context : { ...context, ca, requestCert: true, rejectUnauthorized: false };
}

/** Common name in the subject of the client certificate that the connection was verified with. */
export function clientCertNameOf(request: NodeServerRequest): string | undefined {
  const socket = request.socket as Partial<TLSSocket>;
  if (!socket.authorized || !socket.getPeerCertificate) return undefined;
  // Empty where the client sent none.
  const { subject } = socket.getPeerCertificate();
  const name: string | readonly string[] | undefined = subject?.CN;
  return typeof name === "string" && name !== "" ? name : undefined;
}
