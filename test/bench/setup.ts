import type { ReleaseName } from "../../src/daxpay/release.ts";
import type { QueryMode } from "../../src/refund/query-mode.ts";

/** The DaxPay release that the service calls, and when it sends that release's query. */
export interface Setup {
  readonly release: ReleaseName;
  readonly queryMode: QueryMode;
}

/** One DaxPay request per call, as the baseline and the façades send. */
export const SYNC_ONLY: Setup = { release: "2.0.8", queryMode: "off" };
/** The default configuration, by release. */
export const QUERY_FIRST: Setup = { release: "2.0.8", queryMode: "auto" };
export const QUERY_FIRST_3: Setup = { release: "3.0.0", queryMode: "auto" };

export function labelOf({ release, queryMode }: Setup): string {
  return `DaxPay ${release}, DAXPAY_QUERY=${queryMode}`;
}
