/** How long DaxPay remembers a nonce, in milliseconds. */
const TTL_MS = 300_000;

/** The nonces of 4.x's replay guard (PaymentReplayProtectService). */
export interface Nonces {
  /** Uses a nonce of a merchant up; false where it was used in the last 300 s. */
  use(mchNo: string, nonce: string): boolean;
  reset(): void;
}

export function createNonces(now: () => number): Nonces {
  /** Oldest first. */
  const expiries = new Map<string, number>();
  return {
    use(mchNo, nonce) {
      const time = now();
      for (const [key, expiry] of expiries) {
        if (expiry > time) break;
        expiries.delete(key);
      }
      const key = `${mchNo}:${nonce}`;
      if (expiries.has(key)) return false;
      expiries.set(key, time + TTL_MS);
      return true;
    },
    reset: () => expiries.clear(),
  };
}
