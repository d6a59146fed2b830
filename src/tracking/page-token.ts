import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { areSortValues, type SortKey, type SortValue } from "./order.ts";
import { type ListQuery, TrackingError } from "./tracking.ts";

/** Of the token's format. Another one is rejected, so that its clients start again. */
const VERSION = 1;

/** Where a page ends. */
export interface PageEnd {
  readonly values: readonly SortValue[];
  readonly id: number;
}

/** The token of the page after `end`. It fits only the same filter, order and accounts. */
export function writePageToken(query: ListQuery, keys: readonly SortKey[], { values, id }: PageEnd): string {
  const token = JSON.stringify([VERSION, fingerprint(query, keys), values, id]);
  return Buffer.from(token, "utf8").toString("base64url");
}

/** Throws a TrackingError for a token that is not one of this query's. */
export function readPageToken(query: ListQuery, keys: readonly SortKey[]): PageEnd {
  const token = parse(query.pageToken);
  const [version, queried, values, id] = Array.isArray(token) ? token : [];
  if (version !== VERSION) throw tokenError("expected the next_page_token of an earlier page, got another text");
  if (queried !== fingerprint(query, keys)) {
    throw tokenError("expected the filter, order_by and account of the page that it came with, got others");
  }
  if (!Array.isArray(values) || !areSortValues(values, keys) || !Number.isSafeInteger(id)) {
    throw tokenError("expected the next_page_token of an earlier page, got a changed one");
  }
  return { values, id };
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function fingerprint({ accounts, filter }: ListQuery, keys: readonly SortKey[]): string {
  const text = JSON.stringify([accounts?.toSorted() ?? null, filter.trim(), keys]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function tokenError(description: string): TrackingError {
  return new TrackingError("INVALID_REQUEST", description, { field: "page_token" });
}
