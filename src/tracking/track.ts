import type { Database, Sql } from "../store/database.ts";
import { findRefund, updateRefund } from "../store/refunds.ts";
import type { Change, EventWriter } from "./event-writer.ts";
import type { Jobs } from "./jobs.ts";
import type { RecordedAccount, Records } from "./records.ts";
import { contradictionFromJson, contradictionToJson, storableText, trackedRefundFrom } from "./row.ts";
import type { FullRow } from "./transition.ts";
import {
  type TrackedName,
  type TrackedRefund,
  TrackingError,
  type TrackRequest,
  type TrackResult,
} from "./tracking.ts";

export interface TrackOptions {
  readonly database: Database;
  readonly records: Records;
  readonly jobs: Jobs;
  readonly events: EventWriter;
  /** Throws where the account is not configured. */
  readonly accountOf: (name: string) => RecordedAccount;
  /** Milliseconds after which tracking ends at the latest. */
  readonly trackTimeoutMs: number;
  /** Throws a StoreReplacedError where the database is not the one that this process has written to. */
  readonly checkStore: (sql: Sql) => Promise<void>;
}

/** Starts and ends the tracking of refunds. Everything throws like Database, and TrackingErrors. */
export interface Tracker {
  track(requests: readonly TrackRequest[], trackedBy: string): Promise<(TrackResult | TrackingError)[]>;
  get(name: TrackedName): Promise<TrackedRefund>;
  untrack(name: TrackedName): Promise<TrackedRefund>;
  acknowledge(name: TrackedName, note: string, acknowledgedBy: string): Promise<TrackedRefund>;
}

/** A request with what identifies its row. */
interface Keyed {
  readonly request: TrackRequest;
  readonly merchantId: number;
  readonly appId: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
}

/** Inserts rows of refunds that are not known yet. One statement, since a batch has up to a thousand. */
const INSERT = `INSERT INTO refund (merchant_id, account, app_id, refund_no, biz_refund_no, tracking_state, labels,
    tracked_at, tracked_by, expires_at, request, next_attempt_at)
  SELECT merchant_id, account, app_id, NULLIF(refund_no, ''), NULLIF(biz_refund_no, ''), 'ACTIVE', labels::jsonb,
    clock_timestamp(), $8, clock_timestamp() + make_interval(secs => expire_ms / 1000), request::jsonb, clock_timestamp()
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $9::text[])
    AS entry (merchant_id, account, app_id, refund_no, biz_refund_no, labels, expire_ms, request)
  ON CONFLICT DO NOTHING
  RETURNING id`;

/** The rows of keys, locked in the order of their ids. By one number each, so that each has one index. */
const selectBy = (name: "refund_no" | "biz_refund_no") =>
  `SELECT entry.position, refund.*, clock_timestamp() AS now
  FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) AS entry (position, merchant_id, app_id, number)
  JOIN refund ON refund.merchant_id = entry.merchant_id AND refund.${name} = entry.number
    ${name === "biz_refund_no" ? "AND refund.app_id = entry.app_id" : "AND entry.app_id IS NOT NULL"}
  ORDER BY refund.id FOR UPDATE OF refund`;

export function createTracker(options: TrackOptions): Tracker {
  const { database, records, jobs, events, accountOf, trackTimeoutMs, checkStore } = options;

  async function keyOf(name: TrackedName) {
    const account = accountOf(name.account);
    const { refundNo, bizRefundNo } = name;
    return {
      merchantId: await records.merchantIdOf(account),
      account: account.name,
      appId: account.appId,
      refundNo,
      // DaxPay looks at the refundNo alone, and nothing shows yet that the other number belongs to it.
      bizRefundNo: refundNo ? "" : bizRefundNo,
    };
  }

  async function track(tx: Sql, keyed: readonly Keyed[], trackedBy: string) {
    await checkStore(tx);
    const created = new Set<number>();
    const rows: Awaited<ReturnType<typeof select>> = [];
    // Between the two statements another transaction may merge a row into another one; it has another id then.
    while (rows.length < keyed.length) {
      rows.splice(0);
      for (const id of await insert(tx, keyed, trackedBy)) created.add(id);
      for (const name of ["refund_no", "biz_refund_no"] as const) rows.push(...await select(tx, keyed, name));
    }
    /** By id: two requests of a batch can name one refund. */
    const present = new Map<number, FullRow>();
    const changes: Change[] = [];
    const results: (TrackResult | TrackingError)[] = [];
    for (const row of rows.sort((a, b) => a.position - b.position)) {
      const { request } = keyed[row.position];
      const before = present.get(row.id) ?? row;
      if (created.has(row.id) && !present.has(row.id)) {
        present.set(row.id, row);
        changes.push({ kind: "TRACKED", previousStatus: undefined, row });
        results.push({ trackedRefund: trackedRefundFrom(row), created: true });
      } else if (before.tracking_state === "ACTIVE" && before.account !== request.account) {
        results.push(otherAccountError());
      } else {
        const after = await trackKnown(tx, before, request, trackedBy);
        present.set(row.id, after.row);
        changes.push(...after.changes);
        results.push({ trackedRefund: trackedRefundFrom(after.row), created: after.changes.length > 0 });
      }
    }
    const started = changes.filter(({ kind, row }) => kind === "TRACKED" && row.tracking_state === "ACTIVE");
    await jobs.plan(
      tx,
      started.map(({ row: { id, account, next_attempt_at, now } }) => ({ id, account, dueAt: next_attempt_at ?? now })),
    );
    await events.write(tx, changes, undefined);
    return results;
  }

  async function select(tx: Sql, keyed: readonly Keyed[], name: "refund_no" | "biz_refund_no") {
    const numberOf = ({ refundNo, bizRefundNo }: Keyed) => name === "refund_no" ? refundNo : bizRefundNo;
    const entries = keyed.map((entry, position) => ({ ...entry, position, number: numberOf(entry) }))
      .filter(({ number }) => number !== "");
    if (entries.length === 0) return [];
    return await tx.query<FullRow & { readonly position: number }>(selectBy(name), [
      entries.map(({ position }) => position),
      entries.map(({ merchantId }) => merchantId),
      entries.map(({ appId }) => appId),
      entries.map(({ number }) => number),
    ]);
  }

  async function insert(tx: Sql, keyed: readonly Keyed[], trackedBy: string): Promise<readonly number[]> {
    // Two batches that insert the same rows in the same order do not wait for each other in a circle.
    const sorted = [...keyed].sort((a, b) =>
      `${a.refundNo} ${a.bizRefundNo}` < `${b.refundNo} ${b.bizRefundNo}` ? -1 : 1
    );
    const column = <T>(value: (entry: Keyed) => T) => sorted.map(value);
    const rows = await tx.query<{ id: number }>(INSERT, [
      column(({ merchantId }) => merchantId),
      column(({ request }) => request.account),
      column(({ appId }) => appId),
      column(({ refundNo }) => refundNo),
      column(({ bizRefundNo }) => bizRefundNo),
      column(({ request }) => JSON.stringify(request.labels)),
      column(({ request }) => request.expireAfterMs ?? trackTimeoutMs),
      storableText(trackedBy),
      column(({ request }) => requestJson(request)),
    ]);
    return rows.map(({ id }) => id);
  }

  /** Tracks a refund whose row is known: one that is tracked already only gets the labels. */
  async function trackKnown(tx: Sql, row: FullRow, request: TrackRequest, trackedBy: string) {
    const labels = { labels: JSON.stringify(request.labels) };
    const isTracked = row.tracking_state === "ACTIVE" || (row.tracking_state === "FINAL" && row.final);
    if (isTracked && row.account === request.account) {
      await updateRefund(tx, row.id, labels);
      return { row: { ...row, labels: request.labels }, changes: [] };
    }
    const now = row.now.getTime();
    const nextAt = new Date(Math.max(now, row.next_attempt_at?.getTime() ?? 0));
    const after: FullRow = {
      ...row,
      account: request.account,
      tracking_state: row.final ? "FINAL" : "ACTIVE",
      labels: request.labels,
      tracked_at: row.now,
      tracked_by: storableText(trackedBy),
      expires_at: new Date(now + (request.expireAfterMs ?? trackTimeoutMs)),
      request: { ...request.refund },
      next_attempt_at: row.final ? null : nextAt,
      last_failure: null,
      attempts: 0,
    };
    await updateRefund(tx, row.id, {
      ...labels,
      account: after.account,
      tracking_state: after.tracking_state,
      tracked_at: after.tracked_at,
      tracked_by: after.tracked_by,
      expires_at: after.expires_at,
      request: requestJson(request),
      next_attempt_at: after.next_attempt_at,
      last_failure: null,
      attempts: 0,
    });
    const previousStatus = row.status ?? undefined;
    const changes: Change[] = [{ kind: "TRACKED", previousStatus, row: after }];
    if (row.final) changes.push({ kind: "FINAL", previousStatus, row: after });
    return { row: after, changes };
  }

  type Key = Awaited<ReturnType<typeof keyOf>>;

  async function lockTracked(tx: Sql, key: Key): Promise<FullRow> {
    await checkStore(tx);
    return await find(tx, key, "FOR UPDATE");
  }

  async function find(sql: Sql, key: Key, lock: "FOR UPDATE" | ""): Promise<FullRow> {
    const row = await findRefund<FullRow>(sql, key, lock);
    if (!row?.tracking_state || row.account !== key.account) {
      throw new TrackingError("NOT_TRACKED", "Expected a tracked refund, got one that is not");
    }
    return row;
  }

  return {
    async track(requests, trackedBy) {
      const keyed: Keyed[] = [];
      for (const request of requests) keyed.push({ ...await keyOf({ ...request, ...request.refund }), request });
      return await database.transaction((tx) => track(tx, keyed, trackedBy));
    },
    get: async (name) => trackedRefundFrom(await find(database, await keyOf(name), "")),
    async untrack(name) {
      const key = await keyOf(name);
      return await database.transaction(async (tx) => {
        const row = await lockTracked(tx, key);
        if (row.tracking_state !== "ACTIVE") return trackedRefundFrom(row);
        const after: FullRow = { ...row, tracking_state: "UNTRACKED", next_attempt_at: null };
        await updateRefund(tx, row.id, { tracking_state: "UNTRACKED", next_attempt_at: null });
        // The worker removes the job, so that it does not keep a later tracking waiting.
        await jobs.move(tx, { id: row.id, account: row.account }, row.now);
        await events.write(tx, [{ kind: "UNTRACKED", previousStatus: row.status ?? undefined, row: after }], undefined);
        return trackedRefundFrom(after);
      });
    },
    async acknowledge(name, note, acknowledgedBy) {
      const key = await keyOf(name);
      return await database.transaction(async (tx) => {
        const row = await lockTracked(tx, key);
        if (!row.contradiction) {
          throw new TrackingError("INVALID_REQUEST", "Expected a refund with a contradiction, got one without");
        }
        const contradiction = contradictionToJson({
          ...contradictionFromJson(row.contradiction),
          note,
          acknowledgedBy,
          acknowledgedAt: row.now.getTime(),
        });
        await updateRefund(tx, row.id, { contradiction: JSON.stringify(contradiction) });
        return trackedRefundFrom({ ...row, contradiction });
      });
    },
  };
}

function requestJson({ refund: { refundNo, bizRefundNo, clientIp } }: TrackRequest): string {
  return JSON.stringify({ refundNo, bizRefundNo, clientIp });
}

function otherAccountError(): TrackingError {
  return new TrackingError("INVALID_REQUEST", "Expected a refund that no other account tracks, got one that one does");
}
