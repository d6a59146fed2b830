import { createContextKey } from "@connectrpc/connect";

/** An authenticated caller. */
export interface Identity {
  readonly name: string;
  /** Whether the caller may read /metrics and nothing else. */
  readonly metricsOnly: boolean;
  /** Names of the accounts that the caller may use; undefined for all. */
  readonly accounts: ReadonlySet<string> | undefined;
  /** Whether the credentials would still be accepted: the token is still listed, the JWT has not expired. */
  valid(): boolean;
}

/** The caller of an RPC; undefined where no credentials are required. */
export const identityKey = createContextKey<Identity | undefined>(undefined, {
  description: "The authenticated caller",
});
