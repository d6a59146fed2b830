import type { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "../refund/clock.ts";
import { outcomeOf } from "../refund/outcome.ts";
import type { Refunds } from "../refund/refunds.ts";
import { type Database, type Sql, StoreReplacedError, StoreUnavailableError } from "../store/database.ts";
import { lockRefundById, updateRefund } from "../store/refunds.ts";
import { within } from "../util/timers.ts";
import type { EventWriter } from "./event-writer.ts";
import type { Jobs, RefundJob } from "./jobs.ts";
import { earliest, type RecordedAccount, type Records } from "./records.ts";
import { storedFailureFrom } from "./row.ts";
import type { FullRow } from "./transition.ts";

/** An account whose refunds the worker follows. */
export interface WorkedAccount {
  readonly recorded: RecordedAccount;
  readonly refunds: Refunds;
  /** Attempts that it makes at the same time. */
  readonly lanes: number;
}

export interface WorkerOptions {
  readonly database: Database;
  readonly jobs: Jobs;
  readonly records: Records;
  readonly events: EventWriter;
  readonly clock: Clock;
  /** Undefined: not configured. */
  readonly accountOf: (name: string) => WorkedAccount | undefined;
  readonly onError: (error: Error) => void;
}

/** Makes the attempts that are due. */
export interface Worker {
  /** Looks for due refunds now. */
  wake(): void;
  /** Attempts in progress. */
  running(): number;
  /** Takes no more, and ends attempts that have sent no sync. */
  stop(): Promise<void>;
}

/** Milliseconds between two looks for due refunds while there are none. */
const POLL_MS = 500;
/** Milliseconds between two looks while the database is unavailable. */
const AWAY_MS = 2_000;
/** Milliseconds between heartbeats of jobs in progress; see QUEUES. */
const TOUCH_MS = 3_000;
/** Milliseconds that one attempt may take, its time in the queue included. */
const ATTEMPT_TIMEOUT_MS = 60_000;
/** Milliseconds before a refund is looked at again whose account is not configured, or is that of another DaxPay now. */
const NO_ACCOUNT_MS = 60_000;
const MAX_FETCHED = 32;
/** Attempts at the same time over all accounts. */
const MAX_RUNNING = 128;
/** Milliseconds before a refund is looked at again whose attempt was recorded nowhere. */
const UNPLANNED_MS = 1_000;
/** Milliseconds before a notice's state is looked for again. */
const NOTICE_RETRY_MS = 2_000;
const MAX_NOTICE_TRIES = 5;

export function startWorker(options: WorkerOptions): Worker {
  const { database, jobs, records, events, clock, accountOf, onError } = options;
  const stop = new AbortController();
  const running = new Map<RefundJob, Promise<void>>();
  let wake = () => {};

  function fullAccounts(): string[] {
    const counts = new Map<string, number>();
    for (const { account } of running.keys()) counts.set(account, (counts.get(account) ?? 0) + 1);
    return [...counts].filter(([name, count]) => count >= (accountOf(name)?.lanes ?? 1)).map(([name]) => name);
  }

  async function work(): Promise<void> {
    while (!stop.signal.aborted) {
      const room = Math.min(MAX_FETCHED, MAX_RUNNING - running.size);
      const fetched = room > 0 ? await jobs.fetch(room, fullAccounts()).catch(report) : [];
      for (const job of fetched ?? []) start(job);
      if (fetched?.length && running.size < MAX_RUNNING) continue;
      await idle(fetched ? POLL_MS : AWAY_MS);
    }
  }

  /** Waits until an attempt has ended, someone calls `wake`, the worker stops, or the time is over. */
  async function idle(ms: number): Promise<void> {
    if (stop.signal.aborted) return;
    await within(clock, ms, new Promise<void>((resolve) => (wake = resolve)));
  }

  function start(job: RefundJob): void {
    const attempt = look(job).catch(async (error) => {
      // Another replica can take it at once.
      if (stop.signal.aborted) await planAgain(job, 0).catch(report);
      else report(error);
    }).finally(() => {
      // What could not be completed is given to a replica that can.
      jobs.forget(job.id);
      running.delete(job);
      wake();
    });
    running.set(job, attempt);
  }

  function report(error: unknown): undefined {
    if (!(error instanceof StoreUnavailableError)) onError(error as Error);
  }

  async function look(job: RefundJob): Promise<void> {
    const row = await planned(job);
    if (!row) return;
    const account = accountOf(row.account);
    if (!account || row.merchant_id !== await records.merchantIdOf(account.recorded)) {
      return await planAgain(job, NO_ACCOUNT_MS);
    }
    const byNotice = row.notice !== null && account.refunds.canQuery();
    // Those that notices cause do not lengthen the waits of the schedule.
    const attempt = row.tracking_state === "ACTIVE" && !byNotice ? row.attempts + 1 : undefined;
    const request = {
      refundNo: row.refund_no ?? "",
      bizRefundNo: row.refund_no ? "" : row.biz_refund_no ?? "",
      clientIp: row.request?.clientIp ?? "",
      nonceStr: "",
    };
    const outcome = await outcomeOf(
      account.refunds.sync(request, { signal: stop.signal, timeoutMs: ATTEMPT_TIMEOUT_MS }, {
        background: true,
        queryOnly: byNotice,
        ...(attempt === undefined ? {} : { attempt }),
      }),
    );
    if (outcome instanceof Error) await failed(job, row, outcome, attempt);
    if (row.notice) await afterNotice(job, outcome instanceof Error ? undefined : outcome.status);
    // An attempt that joined another's, or that a notice made, has not planned the next.
    if (jobs.isActive(job.id)) await planAgain(job, UNPLANNED_MS);
  }

  async function failed(
    job: RefundJob,
    row: FullRow,
    failure: DaxPayFailure,
    attempt: number | undefined,
  ): Promise<void> {
    // Nobody but people can adopt the store, and until then nothing may be written into it.
    if (failure.reason === "STORE_REPLACED") throw new StoreReplacedError(failure.message);
    if (attempt !== undefined) await records.fail(row.id, storedFailureFrom(failure), attempt);
    else await planAgain(job, 0);
  }

  /** The row of a job whose refund is due; plans what is to be done otherwise. */
  async function planned(job: RefundJob): Promise<FullRow | undefined> {
    return await inTransaction(job, async (tx, row) => {
      const active = row?.tracking_state === "ACTIVE";
      if (!row || !(active || row.notice)) return { due: undefined, result: undefined };
      if (active && row.expires_at && row.expires_at <= row.now) {
        await updateRefund(tx, row.id, { tracking_state: "EXPIRED", next_attempt_at: null });
        const expired: FullRow = { ...row, tracking_state: "EXPIRED", next_attempt_at: null };
        return {
          due: undefined,
          result: undefined,
          events: () =>
            events.write(tx, [{ kind: "EXPIRED", previousStatus: row.status ?? undefined, row: expired }], undefined),
        };
      }
      const due = dueOf(row);
      return due && due.getTime() > row.now.getTime() + POLL_MS
        ? { due, result: undefined }
        : { due: "now", result: row };
    });
  }

  /** Plans the refund's next look by its row, `minMs` from now at the earliest. */
  async function planAgain(job: RefundJob, minMs: number): Promise<void> {
    await inTransaction(job, (_tx, row) => {
      const due = row && (row.tracking_state === "ACTIVE" || row.notice) ? dueOf(row) ?? row.now : undefined;
      const earliestAt = (row?.now.getTime() ?? 0) + minMs;
      return Promise.resolve({
        due: due && new Date(Math.max(due.getTime(), earliestAt)),
        result: undefined,
      });
    });
  }

  function dueOf(row: FullRow): Date | undefined {
    // A notice that came during an attempt, which has planned the next one by its own schedule.
    if (row.notice?.tries === 0) return row.now;
    return row.notice ? row.next_attempt_at ?? row.now : earliest(row.next_attempt_at, row.expires_at);
  }

  /** Looks for the notice's state again soon, a few times, where DaxPay has not told it yet. */
  async function afterNotice(job: RefundJob, status: string | undefined): Promise<void> {
    await inTransaction(job, async (tx, row) => {
      if (!row?.notice) return { due: row && dueOf(row), result: undefined };
      const again = status !== row.notice.status && row.notice.tries + 1 < MAX_NOTICE_TRIES;
      const next = again ? new Date(row.now.getTime() + NOTICE_RETRY_MS) : row.next_attempt_at;
      await updateRefund(tx, row.id, {
        notice: again ? JSON.stringify({ ...row.notice, tries: row.notice.tries + 1 }) : null,
        next_attempt_at: row.tracking_state === "ACTIVE" || again ? next : null,
      });
      const active = row.tracking_state === "ACTIVE";
      return { due: again || active ? next ?? undefined : undefined, result: undefined };
    });
  }

  interface Plan<T> {
    /** When to look next; undefined: never; "now": the job goes on. */
    readonly due: Date | undefined | "now";
    readonly result: T;
    /** Written last. */
    readonly events?: () => Promise<void>;
  }

  async function inTransaction<T>(
    job: RefundJob,
    work: (tx: Sql, row: FullRow | undefined) => Promise<Plan<T>>,
  ): Promise<T> {
    let committed = () => {};
    const result = await database.transaction(async (tx) => {
      const plan = await work(tx, await lockRefundById<FullRow>(tx, job.id));
      if (plan.due !== "now") committed = await jobs.next(tx, job, plan.due);
      await plan.events?.();
      return plan.result;
    });
    committed();
    return result;
  }

  const heartbeat = () => {
    jobs.touch().catch(report);
    cancelHeartbeat = clock.after(TOUCH_MS, heartbeat);
  };
  let cancelHeartbeat = clock.after(TOUCH_MS, heartbeat);
  const loop = work();

  return {
    wake: () => wake(),
    running: () => running.size,
    async stop() {
      stop.abort(new Error("the worker stops"));
      wake();
      await loop;
      await Promise.allSettled(running.values());
      cancelHeartbeat();
    },
  };
}
