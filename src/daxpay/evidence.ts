/** What proves a state: the reply as received, with what its signature can be verified again with, except the secret. */
export interface Evidence {
  /** When the request was sent, in epoch milliseconds of this service's clock. */
  readonly requestedAt: number;
  /** In epoch milliseconds of DaxPay's clock. */
  readonly repliedAt: number;
  /** The reply as received. It may hold personal data. */
  readonly body: Uint8Array;
  /** As verified. */
  readonly signature: string;
  /** For example "HMAC_SHA256". */
  readonly algorithm: string;
  /** Hexadecimal; does not reveal the secret or key. */
  readonly fingerprint: string;
  readonly release: string;
}
