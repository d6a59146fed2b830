import type { Failure } from "./failure.ts";
import type { Ledger } from "./ledger.ts";
import type { Lookup, Refund } from "./rows.ts";

/** Failures of a request that finds no refund. */
export interface LookupFailures {
  /** Where the request names no refund; undefined where that is `unknown`. */
  readonly neither?: Failure;
  /** Whether a blank bizRefundNo names none, as a missing one does. */
  readonly blankIsMissing?: boolean;
  readonly unknown: Failure;
  /** Where refundNo is another merchant's; undefined where that is `unknown`. */
  readonly foreign?: Failure;
  /** Where bizRefundNo finds several refunds. */
  readonly ambiguous: Failure;
}

export type LookupResult = { readonly refund: Refund } | { readonly failure: Failure };

/** Finds the refund that a request names; with both numbers, refundNo decides. */
export function lookUp(lookup: Lookup, failures: LookupFailures, find: Ledger["find"]): LookupResult {
  const { refundNo = "", bizRefundNo } = lookup;
  const { neither, blankIsMissing, unknown, foreign, ambiguous } = failures;
  const isMissing = bizRefundNo === undefined || (blankIsMissing && bizRefundNo.trim() === "");
  if (neither && isMissing && refundNo.trim() === "") return { failure: neither };
  const refund = find(lookup);
  switch (refund) {
    case undefined:
      return { failure: unknown };
    case "foreign":
      return { failure: foreign ?? unknown };
    case "ambiguous":
      return { failure: ambiguous };
    default:
      return { refund };
  }
}
