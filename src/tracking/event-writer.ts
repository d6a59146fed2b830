import type { Evidence } from "../daxpay/evidence.ts";
import type { Status } from "../refund/state.ts";
import type { Sql } from "../store/database.ts";
import type { FullRow } from "./transition.ts";
import type { EventKind } from "./tracking.ts";

/** A change of a refund, to be written into the journal. */
export interface Change {
  readonly kind: EventKind;
  readonly previousStatus: Status | undefined;
  /** After the change. */
  readonly row: FullRow;
}

/** Writes changes into the journal, and plans their webhooks. */
export interface EventWriter {
  /** The last statements of a transaction: from here to its end all other writers wait. */
  write(tx: Sql, changes: readonly Change[], evidence: Evidence | undefined): Promise<void>;
}
