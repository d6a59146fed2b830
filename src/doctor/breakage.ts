import type { Cause, Reason } from "./step.ts";

/** An exchange that gave no whole answer. */
export interface ConnectionFailure {
  readonly kind: "breakage";
  /** In plain words. */
  readonly found: string;
  readonly reason: Reason;
}

interface Row {
  /** Occurs in what Deno's fetch says; there is no other way to tell the cases apart. */
  readonly pattern: RegExp;
  readonly cause: Cause;
  readonly found: string;
  readonly advice: string;
}

const CERTIFICATE = "its certificate was refused:";

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
    found: "its port is one that fetch never connects to",
    advice: "Set DAXPAY_URL to DaxPay's real port: 9000 on 2.x and 9999 on 3.x as shipped",
  },
  {
    pattern: /dns error|failed to lookup/,
    cause: "NAME_UNKNOWN",
    found: "its host name is not known to DNS",
    advice: "Correct the host in DAXPAY_URL, or this machine's DNS",
  },
  {
    pattern: /Connection refused|os error (111|61|10061)\b/,
    cause: "CONNECTION_REFUSED",
    found: "the connection was refused: the host is there, but nothing listens on that port",
    advice: "Start DaxPay, or correct the port in DAXPAY_URL: 9000 on 2.x and 9999 on 3.x as shipped",
  },
  {
    pattern: /InvalidContentType/,
    cause: "TLS_NOT_SPOKEN",
    found: "TLS failed: what listens there does not speak TLS, but most likely plain HTTP",
    advice: "Write http:// instead of https:// in DAXPAY_URL, or correct its port",
  },
  {
    pattern: /NotValidForName/,
    cause: "CERTIFICATE_REFUSED",
    found: `TLS failed: ${CERTIFICATE} it is made out to another name`,
    advice: "Use the name that the certificate holds in DAXPAY_URL, or renew the certificate for this one",
  },
  {
    pattern: /certificate: (Expired|NotValidYet)/,
    cause: "CERTIFICATE_REFUSED",
    found: `TLS failed: ${CERTIFICATE} it is not valid at this machine's time`,
    advice: "Renew DaxPay's certificate, or correct this machine's clock",
  },
  {
    pattern: /invalid peer certificate/,
    cause: "CERTIFICATE_REFUSED",
    found: `TLS failed: ${CERTIFICATE} nobody whom this process trusts has issued it, or it signed itself`,
    advice: "Name the file of its issuer in DENO_CERT, or set DENO_TLS_CA_STORE=system if this machine trusts it",
  },
  {
    pattern: /invalid HTTP version/,
    cause: "TLS_WANTED",
    found: "what listens there does not speak plain HTTP, but maybe TLS",
    advice: "Write https:// instead of http:// in DAXPAY_URL, or correct its port",
  },
  {
    pattern: /\btls\b|received fatal alert|certificate/i,
    cause: "TLS_FAILED",
    found: "TLS failed: the two sides did not agree on a connection",
    advice: "Look into the TLS settings of what listens there: versions, ciphers, client certificates",
  },
  {
    pattern: /os error (101|113|51|65)\b|unreachable|No route/i,
    cause: "UNREACHABLE",
    found: "the network has no way to it",
    advice: "Correct the address in DAXPAY_URL, or this machine's network",
  },
  {
    pattern: /client error \(Connect\)/,
    cause: "UNREACHABLE",
    found: "the connection could not be made",
    advice: "Check the address in DAXPAY_URL, and that this machine may reach it",
  },
  {
    pattern: /(?:)/,
    cause: "CONNECTION_LOST",
    found: "the connection was lost before a whole answer came",
    advice: "See whether DAXPAY_URL means DaxPay itself: a firewall, a proxy or another program may answer there",
  },
];

/** Says what a failed fetch means. */
export function breakageOf(error: unknown): ConnectionFailure {
  const words = chainOf(error).join(": ");
  const { cause, found, advice } = ROWS.find(({ pattern }) => pattern.test(words)) ?? ROWS[ROWS.length - 1];
  return { kind: "breakage", found, reason: { cause, advice } };
}

export function timeout(ms: number): ConnectionFailure {
  return {
    kind: "breakage",
    found: `no answer came within ${ms} ms`,
    reason: {
      cause: "TIMED_OUT",
      advice:
        "Check the address in DAXPAY_URL, that no firewall drops the connection, and that DaxPay is not overloaded",
    },
  };
}

function chainOf(error: unknown): string[] {
  const chain: string[] = [];
  for (let at = error; at !== undefined && at !== null && chain.length < 8; at = (at as Error).cause) {
    chain.push(String(at));
  }
  return chain;
}
