import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** What is hashed of a row: all of it but the hash. */
export interface HashedRow {
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly eventAt: number;
  readonly account: string;
  readonly refundId: number;
  readonly kind: string;
  readonly body: string;
}

/** Where a journal starts: at seq 0, or at the last row that was pruned. Times are epoch milliseconds. */
export interface Checkpoint {
  readonly seq: number;
  /** Of the row, or what the first row chains from. */
  readonly hash: Uint8Array;
  /** Of the row; for seq 0 when the journal was begun. */
  readonly eventAt: number;
  readonly createdAt: number;
}

/** Hashes of the journal. Whoever has no key can neither change nor remove a row without breaking what follows it. */
export interface Chain {
  /** What the first row of this store chains from, so that rows of another store do not fit. */
  start(storeId: string): Uint8Array;
  /** HMAC-SHA256 over the previous row's hash and this row. */
  hash(previous: Uint8Array, row: HashedRow): Uint8Array;
  sign(checkpoint: Checkpoint): Uint8Array;
}

type Field = string | number | Uint8Array;

/** `key`: a random text that the database does not know, see STORE_JOURNAL_KEY. */
export function createChain(key: string): Chain {
  const hmac = (...fields: readonly Field[]) => createHmac("sha256", key).update(encode(fields)).digest();
  return {
    start: (storeId) => hmac("start", storeId),
    hash: (previous, { seq, eventAt, account, refundId, kind, body }) =>
      hmac("row", previous, seq, eventAt, account, refundId, kind, body),
    sign: ({ seq, hash, eventAt, createdAt }) => hmac("checkpoint", seq, hash, eventAt, createdAt),
  };
}

/** Netstrings: each field as its length in bytes, a colon, its bytes and a comma, so that no two lists are encoded alike. */
function encode(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(fields.flatMap((field) => {
    const bytes = typeof field === "object" ? field : Buffer.from(String(field), "utf8");
    return [Buffer.from(`${bytes.length}:`), bytes, Buffer.from(",")];
  }));
}

export function isSameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function hexOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString("hex");
}
