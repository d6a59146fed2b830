/** How a signature was verified: enough to do it again with the secret or key, which it does not reveal. */
export interface Proof {
  /** As received. */
  readonly signature: string;
  /** For example "HMAC_SHA256". */
  readonly algorithm: string;
  /** Of the secret or public key: 16 hexadecimal digits of a SHA-256. */
  readonly fingerprint: string;
}

/** What proves a state: the reply as received, and how its signature was verified. */
export interface Evidence extends Proof {
  /** When the request was sent, in epoch milliseconds of this service's clock. */
  readonly requestedAt: number;
  /** In epoch milliseconds of DaxPay's clock. */
  readonly repliedAt: number;
  /** The reply as received. It may hold personal data. */
  readonly body: Uint8Array;
  readonly release: string;
}
