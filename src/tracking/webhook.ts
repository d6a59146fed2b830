import type { Sql } from "../store/database.ts";

/** Where the events of an account are delivered to. */
export interface WebhookEndpoint {
  readonly url: URL;
  /** `whsec_` and 24 to 64 bytes in Base64. */
  readonly secret: string;
  /** Also signs while the secret is being rotated. */
  readonly previousSecret: string | undefined;
}

/** The row of the journal that an event was written to. */
export interface WebhookRow {
  readonly seq: number;
  readonly account: string;
  readonly refundId: number;
}

/** Why an attempt did not deliver. */
export type WebhookFailureReason =
  /** A status other than 2xx. */
  | "STATUS"
  /** A redirect, which is never followed. */
  | "REDIRECTED"
  /** Status 410: the receiver wants no events. */
  | "GONE"
  | "TIMEOUT"
  /** No connection, no TLS, or no reply. */
  | "UNREACHABLE"
  /** The host has an address that is not public and not allowed, or the URL is not https. */
  | "ADDRESS_REFUSED"
  /** The account has no endpoint any more. */
  | "NOT_CONFIGURED"
  /** The journal has been pruned. */
  | "EVENT_MISSING"
  | "INTERNAL";

export interface WebhookFailure {
  readonly reason: WebhookFailureReason;
  /** Without URLs and secrets. */
  readonly message: string;
  /** What the receiver asked for in Retry-After, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** An event that is given up: its last attempt has failed, or none can succeed. */
export interface DeadLetter extends WebhookRow {
  /** Number of attempts, 0 where none could be made. */
  readonly attempts: number;
  readonly reason: WebhookFailureReason;
  readonly message: string;
  /** When it was given up, in epoch milliseconds of the database's clock. */
  readonly diedAt: number;
}

/** What is worth a log record or a metric. */
export type WebhookEvent =
  | { readonly type: "delivered"; readonly row: WebhookRow; readonly ms: number; readonly attempt: number }
  /** An attempt failed, and a further one follows. */
  | {
    readonly type: "failed";
    readonly row: WebhookRow;
    readonly failure: WebhookFailure;
    readonly attempt: number;
    readonly delayMs: number;
  }
  | { readonly type: "dead"; readonly row: WebhookRow; readonly failure: WebhookFailure; readonly attempt: number }
  /** The database failed: what was delivered and not recorded is delivered again. */
  | { readonly type: "error"; readonly error: unknown };

export interface WebhookStats {
  /** Events to be delivered. */
  readonly waiting: number;
  /** Milliseconds since the oldest of them was sent to the queue; 0 where there is none. */
  readonly oldestMs: number;
  readonly dead: number;
}

/** Delivers events at least once, those of one refund in their order. */
export interface Webhooks {
  /** Queues the rows of accounts with an endpoint, in the transaction that appended them to the journal, after that. */
  enqueue(tx: Sql, rows: readonly WebhookRow[]): Promise<void>;
  start(): void;
  /** Looks for due events now instead of with the next poll. */
  wake(): void;
  stats(): Promise<WebhookStats>;
  /** Begins no further attempt and waits for those that are under way, at most for the timeout of one. */
  stop(): Promise<void>;
}
