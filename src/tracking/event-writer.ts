import type { Evidence } from "../daxpay/evidence.ts";
import type { Status } from "../refund/state.ts";
import type { Sql } from "../store/database.ts";
import type { Journal, JournalRow } from "../store/journal.ts";
import { entryOf } from "./event.ts";
import { failureFromJson, stateOf } from "./row.ts";
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

/** Kinds whose state the evidence proves. */
const PROVEN: readonly EventKind[] = ["CHANGED", "FINAL", "CONTRADICTED", "RECOVERED"];

export interface EventWriterOptions {
  readonly journal: Pick<Journal, "append">;
  /** Plans the webhooks of rows, in the same transaction. */
  readonly enqueue: (tx: Sql, rows: readonly JournalRow[]) => Promise<void>;
}

export function createEventWriter({ journal, enqueue }: EventWriterOptions): EventWriter {
  return {
    async write(tx, changes, evidence) {
      if (changes.length === 0) return;
      const entries = changes.map(({ kind, previousStatus, row }) =>
        entryOf({
          kind,
          account: row.account,
          refundNo: row.refund_no ?? row.request?.refundNo ?? "",
          bizRefundNo: row.biz_refund_no ?? row.request?.bizRefundNo ?? "",
          state: stateOf(row),
          previousStatus,
          labels: row.labels ?? {},
          failure: kind === "FAILING" && row.last_failure ? failureFromJson(row.last_failure) : undefined,
          evidence: PROVEN.includes(kind) ? evidence : undefined,
        }, row.id)
      );
      await enqueue(tx, await journal.append(tx, entries));
    },
  };
}
