export interface TokenBucketOptions {
  /** Tokens per second. */
  readonly rate: number;
  /** Tokens that can be taken at once after a pause. */
  readonly burst: number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

/** Returns a function that takes a token and returns 0; where there is none, the milliseconds until there is one. */
export function createTokenBucket({ rate, burst, elapsed }: TokenBucketOptions): () => number {
  let tokens = burst;
  let counted = elapsed();
  return () => {
    const now = elapsed();
    tokens = Math.min(burst, tokens + (now - counted) * rate / 1000);
    counted = now;
    if (tokens < 1) return (1 - tokens) * 1000 / rate;
    tokens--;
    return 0;
  };
}
