import { randomUUID } from "node:crypto";
import type { RefundQuery } from "../daxpay/request.ts";
import type { Clock } from "../refund/clock.ts";
import { nextDelay, type ScheduleOptions } from "../refund/schedule.ts";
import type { AttemptResult, ClaimResult, KnownRefund, SharedRecords, SharedRefund } from "../refund/shared.ts";
import { isSettled, type RefundState } from "../refund/state.ts";
import { type Database, type Sql, StoreReplacedError, StoreUnavailableError } from "../store/database.ts";
import { type Notifications, notifyRefund } from "../store/notifications.ts";
import {
  beginClaim,
  endClaim,
  findRefund,
  lockOrder,
  lockRefund,
  lockRefundById,
  merchantId,
  type OpenClaim,
  openClaims,
  orderClaims,
  type RefundKey,
  updateRefund,
} from "../store/refunds.ts";
import { within } from "../util/timers.ts";
import { type ClaimTimes, createClaimObserver } from "./claims.ts";
import type { EventWriter } from "./event-writer.ts";
import type { Jobs } from "./jobs.ts";
import { stateFromJson } from "./row.ts";
import { type FullRow, type Transition, transitionOf, transitionOfFailure } from "./transition.ts";
import type { StoredFailure } from "./tracking.ts";

/** What the records have to know of an account. */
export interface RecordedAccount {
  readonly name: string;
  readonly server: string;
  /** Empty where the release has none. */
  readonly mchNo: string;
  readonly appId: string;
  /** Milliseconds until a reply of DaxPay must be complete. */
  readonly timeoutMs: number;
  readonly settleTimeoutMs: number;
  /** Whether syncs may have been sent, and not recorded, before the database was set up. */
  readonly settleOnStart: boolean;
  /** Whether the refunds of one payment order wait for each other. */
  readonly locksOrder: boolean;
  /** Whether a sync may be sent without a claim while the database is unavailable. */
  readonly mayContinue: boolean;
}

export interface RecordsOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly jobs: Jobs;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly schedule: ScheduleOptions;
  /** Throws a StoreReplacedError where the database is not the one that this process has written to. */
  readonly checkStore: (sql: Sql) => Promise<void>;
  /** Called with what cannot be recorded now. */
  readonly onError: (error: Error) => void;
}

/** What all replicas know of refunds, in the database. */
export interface Records {
  /** Calls back for every verified state that contradicts a final one, once that is recorded. */
  sharedRecords(account: RecordedAccount, onConflict: OnConflict): SharedRecords;
  /** Records a failed attempt of a tracked refund. Throws like Database. */
  fail(id: number, failure: StoredFailure, attempt: number): Promise<void>;
  /** Ends the claims whose syncs are over, of refunds that nobody asks for. Throws like Database. */
  endOverClaims(timesOf: (account: string) => ClaimTimes): Promise<void>;
  /** Not within a transaction: others use the id at once, so that its row must be committed. */
  merchantIdOf(account: Pick<RecordedAccount, "server" | "mchNo">): Promise<number>;
  /** Results that wait to be recorded. */
  unrecorded(): number;
  /** Records what waits, for the given milliseconds at most. */
  flush(timeoutMs: number): Promise<void>;
}

export type OnConflict = (before: RefundState, after: RefundState) => void;
type Columns = Transition["columns"];

/** Milliseconds until which a claimed sync must be sent: committing the claim takes a few. */
const SEND_MS = 5_000;
/** Milliseconds beyond DAXPAY_TIMEOUT_MS until a result is recorded. */
const RECORD_MS = 5_000;
/**
 * Milliseconds for which a sync is not repeated for another caller, who gets what a query says now: of many who ask at once
 * some arrive when the first sync has been answered. Less than the shortest delay between two syncs of a schedule.
 */
const RECENT_MS = 5_000;
/** Milliseconds between two looks at a claim that another replica holds: a notification can be lost. */
const POLL_MS = 1_000;
/** Milliseconds before what could not be recorded is tried again. */
const RETRY_MS = 1_000;
/** Milliseconds that a caller waits for its result to be recorded. */
const COMMIT_WAIT_MS = 2_000;
const MAX_UNRECORDED = 10_000;
const MAX_SWEPT = 1_000;

export function claimTimes({ timeoutMs, settleTimeoutMs }: RecordedAccount): ClaimTimes {
  return { sendMs: SEND_MS, answerMs: SEND_MS + timeoutMs + RECORD_MS, settleMs: settleTimeoutMs };
}

export function createRecords(options: RecordsOptions): Records {
  const { database, notifications, jobs, events, clock, schedule, checkStore, onError } = options;
  const observer = createClaimObserver(clock);
  const merchantIds = new Map<string, number>();
  /** Results that could not be committed, in the order in which they came. */
  const waiting = new Set<() => Promise<unknown>>();
  let cancelRetry: (() => void) | undefined;

  async function merchantIdOf({ server, mchNo }: Pick<RecordedAccount, "server" | "mchNo">): Promise<number> {
    const key = JSON.stringify([server, mchNo]);
    const id = merchantIds.get(key) ?? await merchantId(database, server, mchNo);
    merchantIds.set(key, id);
    return id;
  }

  async function keyOf(account: RecordedAccount, refund: SharedRefund): Promise<RefundKey> {
    const { refundNo, bizRefundNo, bound } = refund;
    return {
      merchantId: await merchantIdOf(account),
      account: account.name,
      appId: account.appId,
      refundNo,
      // With both numbers from a caller, DaxPay looks at the refundNo alone, and nothing shows that they belong together.
      bizRefundNo: bound || !refundNo ? bizRefundNo : "",
    };
  }

  async function lockRow(tx: Sql, key: RefundKey): Promise<FullRow> {
    const { row, tookOver } = await lockRefund<FullRow>(tx, key);
    // The job is that of the row that is gone.
    if (tookOver && row.tracking_state === "ACTIVE") {
      await jobs.plan(tx, [{ id: row.id, account: row.account, dueAt: row.next_attempt_at ?? row.now }]);
    }
    return row;
  }

  async function claim(
    account: RecordedAccount,
    refund: SharedRefund,
    callMs: number | undefined,
  ): Promise<ClaimResult> {
    const token = randomUUID();
    const sendBefore = clock.elapsed() + SEND_MS;
    try {
      const key = await keyOf(account, refund);
      return await database.transaction(async (tx): Promise<ClaimResult> => {
        await checkStore(tx);
        const orderNo = account.locksOrder ? refund.orderNo : undefined;
        if (orderNo) await lockOrder(tx, key.merchantId, orderNo);
        const row = await lockRow(tx, key);
        if (refund.bound && row.settled) return { kind: "settled" };
        const syncedMs = row.synced_at ? row.now.getTime() - row.synced_at.getTime() : -1;
        // Negative: the database's clock was set back.
        if (callMs !== undefined && syncedMs >= 0 && syncedMs < callMs + RECENT_MS) {
          return { kind: "synced", state: row.state ? stateFromJson(row.state) : undefined };
        }
        const claims: OpenClaim[] = orderNo ? await orderClaims(tx, key.merchantId, orderNo, row.id) : [];
        if (row.claim) claims.push({ id: row.id, claim: row.claim, in_doubt: row.in_doubt });
        for (const open of claims) {
          const observed = observer.observe(open, claimTimes(account));
          if (observed.kind === "live") return { kind: "held", ended: untilChanged(open.id) };
          if (observed.kind === "doubt" && refund.bound) return observed;
          if (open.id !== row.id) await endClaim(tx, open.id, open.claim);
        }
        await beginClaim(tx, row.id, token, refund.orderNo);
        return { kind: "granted", claim: { token, sendBefore } };
      });
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) onError(error as Error);
      // It may have been committed all the same.
      else later(() => database.query("UPDATE refund SET claim = NULL WHERE claim = $1", [token]));
      return { kind: "away", replaced: error instanceof StoreReplacedError, mayContinue: account.mayContinue };
    }
  }

  /** Resolves when the row has changed, or may have. */
  function untilChanged(id: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = notifications.onRefund((changed) => {
      if (changed === undefined || changed === id) end();
    });
    const cancel = clock.after(POLL_MS, end);
    function end() {
      unsubscribe();
      cancel();
      resolve();
    }
    return promise;
  }

  async function commit(
    account: RecordedAccount,
    result: AttemptResult,
    onConflict: OnConflict,
  ): Promise<number | undefined> {
    const work = () => record(account, result, onConflict);
    // Behind what waits, nothing is tried that would overtake it.
    const recorded = waiting.size > 0 ? Promise.reject(new StoreUnavailableError("earlier results wait")) : work();
    const outcome = recorded.catch((error) => {
      if (error instanceof StoreReplacedError) return void onError(error);
      if (!(error instanceof StoreUnavailableError)) onError(error as Error);
      later(work);
      return undefined;
    });
    return await within(clock, COMMIT_WAIT_MS, outcome);
  }

  async function record(
    account: RecordedAccount,
    result: AttemptResult,
    onConflict: OnConflict,
  ): Promise<number | undefined> {
    let committed = () => {};
    let contradicted: RefundState | undefined;
    const key = await keyOf(account, result.refund);
    const since = await database.transaction(async (tx) => {
      await checkStore(tx);
      const row = await lockRow(tx, key);
      const { verified } = result;
      const transition: Transition = verified
        ? transitionOf(row, verified, clock.elapsed() - verified.sentAt)
        : { columns: {}, events: [] };
      contradicted = transition.contradicted;
      const columns: Columns = {
        ...transition.columns,
        ...claimColumns(row, account, result),
        ...scheduleColumns(row, result, "state" in transition.columns),
      };
      committed = await write(tx, row, { columns, events: transition.events }, verified?.evidence);
      const unchangedSince = columns.unchanged_since ?? row.unchanged_since;
      return unchangedSince instanceof Date ? unchangedSince.getTime() : undefined;
    });
    committed();
    if (contradicted && result.verified) onConflict(contradicted, result.verified.state);
    return since;
  }

  /** What becomes of the row's claim. */
  function claimColumns(row: FullRow, account: RecordedAccount, { claim, sync, verified }: AttemptResult): Columns {
    if (claim && row.claim === claim.token) {
      if (sync === "DOUBT") return { in_doubt: true };
      return { claim: null, in_doubt: false, ...(sync === "ANSWERED" ? { synced_at: row.now } : {}) };
    }
    if (!row.claim || !verified || !isSettled(verified.state.status)) return {};
    // A sync that is in doubt is settled by this; one that is in progress ends its claim itself.
    const open = { id: row.id, claim: row.claim, in_doubt: row.in_doubt };
    return observer.observe(open, claimTimes(account)).kind === "live" ? {} : { claim: null, in_doubt: false };
  }

  /** When the next attempt may be made. `isNewest`: whether the state becomes the row's. */
  function scheduleColumns(row: FullRow, { attempt, verified }: AttemptResult, isNewest: boolean): Columns {
    if (!verified || (!isNewest && (row.final || !row.state))) return {};
    const state = isNewest || !row.state ? verified.state : stateFromJson(row.state);
    const now = row.now.getTime();
    const minDelayMs = state.nextSyncDelayMs ?? 0;
    const made = attempt === undefined ? {} : { attempts: attempt };
    const common = { last_attempt_at: row.now, ...made };
    if (state.final) return { ...common, next_attempt_at: null };
    const nextAt = attempt === undefined
      ? Math.max(row.next_attempt_at?.getTime() ?? 0, now + minDelayMs)
      : now + nextDelay(attempt, minDelayMs, schedule);
    return { ...common, next_attempt_at: new Date(nextAt) };
  }

  /** Writes the row, the refund's next job and the events, in this order: the journal keeps others waiting. */
  async function write(
    tx: Sql,
    row: FullRow,
    { columns, events: changes }: Transition,
    evidence: Parameters<EventWriter["write"]>[2],
  ): Promise<() => void> {
    await updateRefund(tx, row.id, columns);
    const after = { ...row, ...parsed(columns) } as FullRow;
    const active = after.tracking_state === "ACTIVE";
    const due = active ? earliest(after.next_attempt_at, after.expires_at) : undefined;
    // With a notice the worker decides when to look again.
    const committed = row.notice ? () => {} : await jobs.next(tx, { id: row.id, account: row.account }, due);
    await notifyRefund(tx, row.id);
    await events.write(tx, changes.map((change) => ({ ...change, row: after })), evidence);
    return committed;
  }

  /** Tries again until the database takes it. */
  function later(work: () => Promise<unknown>): void {
    const [oldest] = waiting;
    if (waiting.size >= MAX_UNRECORDED) waiting.delete(oldest);
    waiting.add(work);
    cancelRetry ??= clock.after(RETRY_MS, retryWaiting);
  }

  async function retryWaiting(): Promise<void> {
    for (const work of [...waiting]) {
      try {
        await work();
      } catch (error) {
        if (error instanceof StoreUnavailableError) break;
        onError(error as Error);
      }
      waiting.delete(work);
    }
    cancelRetry = waiting.size > 0 ? clock.after(RETRY_MS, retryWaiting) : undefined;
  }

  async function find(account: RecordedAccount, request: RefundQuery): Promise<KnownRefund | undefined> {
    try {
      const { refundNo, bizRefundNo } = request;
      const numbers = { merchantId: await merchantIdOf(account), appId: account.appId, refundNo, bizRefundNo };
      const row = await findRefund<FullRow>(database, numbers);
      if (!row) return undefined;
      const tracked = row.tracking_state === "ACTIVE";
      const dueInMs = row.next_attempt_at ? row.next_attempt_at.getTime() - row.now.getTime() : 0;
      const state = row.state ? stateFromJson(row.state) : undefined;
      return {
        state: state && { ...state, unchangedSince: row.unchanged_since?.getTime() },
        attempts: dueInMs > 0 || tracked ? row.attempts : 0,
        // The database's clock may have been set back since.
        dueInMs: Math.min(Math.max(0, dueInMs), 2 * Math.max(...schedule.waits)),
        tracked,
      };
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) onError(error as Error);
      return undefined;
    }
  }

  return {
    sharedRecords: (account, onConflict) => ({
      claim: (refund, callMs) => claim(account, refund, callMs),
      commit: (result) => commit(account, result, onConflict),
      find: (request) => find(account, request),
    }),
    async fail(id, failure, attempt) {
      let committed = () => {};
      await database.transaction(async (tx) => {
        await checkStore(tx);
        const row = await lockRefundById<FullRow>(tx, id);
        if (row?.tracking_state !== "ACTIVE") return;
        const transition = transitionOfFailure(row, failure);
        const delayMs = nextDelay(attempt, failure.retryDelayMs ?? CONFIGURATION_DELAY_MS, schedule);
        const columns = {
          ...transition.columns,
          attempts: attempt,
          last_attempt_at: row.now,
          next_attempt_at: transition.columns.tracking_state ? null : new Date(row.now.getTime() + delayMs),
        };
        committed = await write(tx, row, { columns, events: transition.events }, undefined);
      });
      committed();
    },
    async endOverClaims(timesOf) {
      for (const open of await openClaims(database, MAX_SWEPT)) {
        if (observer.observe(open, timesOf(open.account)).kind !== "over") continue;
        await endClaim(database, open.id, open.claim);
      }
    },
    merchantIdOf,
    unrecorded: () => waiting.size,
    async flush(timeoutMs) {
      cancelRetry?.();
      await within(clock, timeoutMs, retryWaiting());
      cancelRetry?.();
      waiting.clear();
    },
  };
}

/** Milliseconds before the next attempt where people have to repair something first. */
const CONFIGURATION_DELAY_MS = 300_000;

/** Columns as they would be read back. */
function parsed(columns: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const json = ["state", "evidence", "contradiction", "last_failure", "notice"];
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [
      name,
      json.includes(name) && typeof value === "string" ? JSON.parse(value) : value,
    ]),
  );
}

export function earliest(a: Date | null, b: Date | null): Date | undefined {
  if (!a || !b) return a ?? b ?? undefined;
  return a < b ? a : b;
}
