import type { Sandbox } from "../../../src/sandbox/sandbox.ts";
import type { Database } from "../../../src/store/database.ts";
import { formatHead, type JournalHead } from "../../../src/store/identity.ts";
import { verifyJournal } from "../../../src/store/verify.ts";
import { isEnded } from "../chaos-books.ts";
import type { PlannedRefund } from "./plan.ts";
import type { SeenEvent } from "./reader.ts";

/** A refund's row, with whether a job will look at it. */
export interface StoredRefund {
  readonly id: number;
  readonly refundNo: string | null;
  readonly bizRefundNo: string | null;
  readonly trackingState: string | null;
  readonly status: string | null;
  readonly claim: string | null;
  readonly inDoubt: boolean;
  readonly nextAttemptAt: Date | null;
  readonly hasJob: boolean;
}

/** All rows, by one statement: a job is replaced in the transaction that changes its row. */
export async function readStored(database: Database): Promise<StoredRefund[]> {
  return await database.query<StoredRefund>(
    `SELECT refund.id, refund_no AS "refundNo", biz_refund_no AS "bizRefundNo", tracking_state AS "trackingState", status,
       claim, in_doubt AS "inDoubt", next_attempt_at AS "nextAttemptAt", job.key IS NOT NULL AS "hasJob"
     FROM refund LEFT JOIN (
       SELECT DISTINCT singleton_key AS key FROM pgboss.job WHERE name = 'refund' AND state < 'completed'
     ) AS job ON job.key = refund.id::text
     ORDER BY refund.id`,
  );
}

/** Each planned refund has one row, which is final, or active and due some time. */
export function refundViolations(planned: readonly PlannedRefund[], stored: readonly StoredRefund[]): string[] {
  const byNumber = new Map<string, StoredRefund[]>();
  for (const row of stored) {
    // The numbers of a run are all different.
    for (const number of [row.refundNo, row.bizRefundNo]) {
      if (number !== null) byNumber.set(number, [...byNumber.get(number) ?? [], row]);
    }
  }
  return planned.flatMap(({ refund: { refundNo, bizRefundNo } }) => {
    const rows = new Set([...byNumber.get(refundNo) ?? [], ...byNumber.get(bizRefundNo) ?? []]);
    if (rows.size !== 1) return [`${refundNo} has ${rows.size} rows instead of 1`];
    const [{ trackingState, nextAttemptAt, hasJob }] = rows;
    if (trackingState === "FINAL") return [];
    if (trackingState !== "ACTIVE") return [`${refundNo} is ${trackingState} instead of FINAL or ACTIVE`];
    if (!nextAttemptAt) return [`${refundNo} is ACTIVE without a time for its next attempt`];
    return hasJob ? [] : [`${refundNo} is ACTIVE without a job`];
  });
}

/** Those of the refunds that have ended in DaxPay without being final here. */
export function unfinished(
  refundNos: readonly string[],
  sandbox: Pick<Sandbox, "refund">,
  stored: readonly StoredRefund[],
): string[] {
  const finals = new Set(finalStates(stored).map(({ refundNo }) => refundNo));
  return refundNos.filter((refundNo) => {
    const status = sandbox.refund(refundNo)?.status;
    return status !== undefined && isEnded(status) && !finals.has(refundNo);
  });
}

/** Final states as the rows have them. */
export function finalStates(stored: readonly StoredRefund[]) {
  return stored.filter(({ trackingState }) => trackingState === "FINAL")
    .map(({ refundNo, status }) => ({ refundNo: refundNo ?? "", status: status ?? "" }));
}

/** The journal is intact and, as far as heads were logged, the one that was written. */
export async function journalViolations(
  database: Database,
  key: string,
  heads: readonly JournalHead[],
): Promise<string[]> {
  const violations: string[] = [];
  for (const head of [undefined, ...heads]) {
    const result = await database.transaction(async (tx) => {
      await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      return await verifyJournal(tx, key, { head });
    });
    if (result.kind === "broken") {
      violations.push(
        `the journal is broken at ${result.seq}, compared with ${head && formatHead(head)}: ${result.problem}`,
      );
    }
  }
  return violations;
}

interface EventRow {
  readonly seq: number;
  readonly refundId: number;
  readonly kind: string;
}

export interface EventChecks {
  readonly readers: readonly { readonly events: readonly SeenEvent[] }[];
  /** The event up to which all readers must have read at least. */
  readonly head: number;
  readonly stored: readonly StoredRefund[];
}

/** Every reader saw the journal in its order, without gaps, and each refund's events make sense. */
export async function eventViolations(
  database: Database,
  { readers, head, stored }: EventChecks,
): Promise<string[]> {
  const rows = await database.query<EventRow>('SELECT seq, refund_id AS "refundId", kind FROM journal ORDER BY seq');
  return [
    ...readers.flatMap(({ events }, index) => {
      const differs = events.findIndex(({ cursor, kind }, at) =>
        !cursor.endsWith(`-${rows[at]?.seq}`) || kind !== rows[at].kind
      );
      if (differs >= 0) {
        const { kind, cursor } = events[differs];
        return [`reader ${index + 1} saw ${kind} ${cursor} as event ${differs + 1}`];
      }
      return events.length < head ? [`reader ${index + 1} saw ${events.length} events instead of ${head}`] : [];
    }),
    ...kindViolations(rows, stored),
  ];
}

/** A refund's first event is that it is tracked, and its last one that it is final. */
function kindViolations(rows: readonly EventRow[], stored: readonly StoredRefund[]): string[] {
  const byRefund = Map.groupBy(rows, ({ refundId }) => refundId);
  return stored.filter(({ trackingState }) => trackingState !== null).flatMap((row) => {
    const kinds = (byRefund.get(row.id) ?? []).map(({ kind }) => kind);
    const count = (wanted: string) => kinds.filter((kind) => kind === wanted).length;
    const isFinal = row.trackingState === "FINAL";
    const makesSense = kinds[0] === "TRACKED" && count("TRACKED") === 1 && count("CONTRADICTED") === 0 &&
      count("FINAL") === (isFinal ? 1 : 0) && (!isFinal || kinds[kinds.length - 1] === "FINAL");
    return makesSense ? [] : [`${row.refundNo ?? row.bizRefundNo}, ${row.trackingState}: ${kinds.join(", ")}`];
  });
}
