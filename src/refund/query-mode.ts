import type { Release } from "../daxpay/release.ts";

/**
 * When DaxPay's read-only query is used, on releases that have one: before each sync and again when the sync reports a
 * settled state (auto), after every sync as well (around), instead of every sync (only), or never (off).
 */
export const QUERY_MODES = ["auto", "around", "only", "off"] as const;
export type QueryMode = typeof QUERY_MODES[number];

/** What a configured mode comes to on a release: `off` where it has no query, or `auto` does not need it. */
export function effectiveQueryMode(mode: QueryMode, { query }: Release): QueryMode {
  return !query || (mode === "auto" && !query.auto) ? "off" : mode;
}
