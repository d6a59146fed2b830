/**
 * When DaxPay's read-only query is used, on releases that have one: before each sync and again when the sync reports a
 * settled state (auto), after every sync as well (around), instead of every sync (only), or never (off).
 */
export const QUERY_MODES = ["auto", "around", "only", "off"] as const;
export type QueryMode = typeof QUERY_MODES[number];
