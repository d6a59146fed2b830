import { causeChain } from "../util/cause-chain.ts";
import type { Cause, Reason } from "./step.ts";

/** A request without a complete reply. */
export interface ConnectionFailure {
  readonly kind: "connectionFailure";
  readonly found: string;
  readonly reason: Reason;
}

interface Row {
  /** Matches the text of the error of Deno's fetch, which has no codes. */
  readonly pattern: RegExp;
  readonly cause: Cause;
  readonly found: string;
  readonly advice: string;
}

const CERTIFICATE = "its certificate was rejected:";

const ROWS: readonly Row[] = [
  {
    pattern: /NotCapable|Requires net access/,
    cause: "NOT_PERMITTED",
    found: "this process may not connect to it",
    advice: "Run the doctor with --allow-net for the address of DAXPAY_URL",
  },
  {
    pattern: /are blocked/,
    cause: "NOT_PERMITTED",
    found: "its port is one that fetch blocks",
    advice: "Correct the port in DAXPAY_URL: 9000 on 2.x and 9999 on 3.x as shipped",
  },
  {
    pattern: /dns error|failed to lookup/,
    cause: "NAME_UNKNOWN",
    found: "DNS does not know its host name",
    advice: "Correct the host in DAXPAY_URL, or this machine's DNS",
  },
  {
    pattern: /Connection refused|os error (111|61|10061)\b/,
    cause: "CONNECTION_REFUSED",
    found: "the connection was refused: nothing listens on that port of the host",
    advice: "Start DaxPay, or correct the port in DAXPAY_URL: 9000 on 2.x and 9999 on 3.x as shipped",
  },
  {
    pattern: /InvalidContentType/,
    cause: "TLS_NOT_SPOKEN",
    found: "TLS failed: the server there most likely speaks plain HTTP",
    advice: "Write http:// instead of https:// in DAXPAY_URL, or correct its port",
  },
  {
    pattern: /NotValidForName/,
    cause: "CERTIFICATE_REJECTED",
    found: `TLS failed: ${CERTIFICATE} it is issued for another name`,
    advice: "Use the certificate's name in DAXPAY_URL, or renew the certificate for this one",
  },
  {
    pattern: /certificate: (Expired|NotValidYet)/,
    cause: "CERTIFICATE_REJECTED",
    found: `TLS failed: ${CERTIFICATE} it is not valid at this machine's time`,
    advice: "Renew DaxPay's certificate, or correct this machine's clock",
  },
  {
    pattern: /invalid peer certificate/,
    cause: "CERTIFICATE_REJECTED",
    found: `TLS failed: ${CERTIFICATE} its issuer is not trusted, or it is self-signed`,
    advice: "Set DENO_CERT to the issuer's file, or set DENO_TLS_CA_STORE=system if this machine trusts it",
  },
  {
    pattern: /invalid HTTP version/,
    cause: "TLS_REQUIRED",
    found: "the server there does not speak plain HTTP, but maybe TLS",
    advice: "Write https:// instead of http:// in DAXPAY_URL, or correct its port",
  },
  {
    pattern: /\btls\b|received fatal alert|certificate/i,
    cause: "TLS_FAILED",
    found: "TLS failed: the handshake was not completed",
    advice: "Check the TLS settings of the server: versions, ciphers, client certificates",
  },
  {
    pattern: /os error (101|113|51|65)\b|unreachable|No route/i,
    cause: "UNREACHABLE",
    found: "the network has no route to it",
    advice: "Correct the address in DAXPAY_URL, or this machine's network",
  },
  {
    pattern: /client error \(Connect\)/,
    cause: "UNREACHABLE",
    found: "the connection failed",
    advice: "Check the address in DAXPAY_URL, and that this machine may reach it",
  },
  {
    pattern: /(?:)/,
    cause: "CONNECTION_LOST",
    found: "the connection was lost before the reply was complete",
    advice: "Check that DAXPAY_URL is the address of DaxPay: a firewall, a proxy or another program may be there",
  },
];

/** Classifies the error of a failed fetch. */
export function connectionFailureFrom(error: unknown): ConnectionFailure {
  const text = causeChain(error).map(String).join(": ");
  const { cause, found, advice } = ROWS.find(({ pattern }) => pattern.test(text)) ?? ROWS[ROWS.length - 1];
  return { kind: "connectionFailure", found, reason: { cause, advice } };
}

export function timeoutFailure(ms: number): ConnectionFailure {
  return {
    kind: "connectionFailure",
    found: `no reply within ${ms} ms`,
    reason: {
      cause: "TIMED_OUT",
      advice: "Check the address in DAXPAY_URL, that no firewall drops the packets, and that DaxPay is not overloaded",
    },
  };
}
