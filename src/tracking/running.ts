import type { PgBoss } from "pg-boss";
import type { Clock } from "../refund/clock.ts";
import type { ScheduleOptions } from "../refund/schedule.ts";
import type { Database, Sql } from "../store/database.ts";
import { createStoreGuard } from "../store/identity.ts";
import { createJournal } from "../store/journal.ts";
import { listenForNotifications } from "../store/notifications.ts";
import { pruneAllRefunds, pruneNotices } from "../store/prune.ts";
import { startQueue } from "../store/queue.ts";
import { repeat } from "../util/timers.ts";
import { createEventWriter } from "./event-writer.ts";
import { eventFrom } from "./event.ts";
import { createEvents, type Events } from "./events.ts";
import { scheduleHeadLog } from "./head-log.ts";
import { createJobs } from "./jobs.ts";
import { type AcceptNotice, createNotices } from "./notices.ts";
import { claimTimes, createRecords, type Records } from "./records.ts";
import { createTracker, type Tracker } from "./track.ts";
import type { TrackingEvent } from "./tracking.ts";
import type { Webhooks } from "./webhook.ts";
import { startWorker, type WorkedAccount, type Worker } from "./worker.ts";

export interface RunningOptions {
  readonly journalKey: string;
  readonly clock: Clock;
  readonly schedule: ScheduleOptions;
  /** Milliseconds. */
  readonly trackTimeoutMs: number;
  /** Milliseconds after which the rows of refunds that are no longer followed are cleared; undefined: never. */
  readonly retentionMs: number | undefined;
  /** Undefined: not configured. */
  readonly accountOf: (name: string) => WorkedAccount | undefined;
  /** Undefined: no events are delivered. */
  readonly createDelivery?: (
    boss: PgBoss,
    database: Database,
    readEvent: (seq: number) => Promise<TrackingEvent | undefined>,
  ) => Webhooks;
  readonly onError: (error: Error) => void;
  /** Called now and then with the journal's head, for the log. */
  readonly onHead: (head: string) => void;
}

/** What runs on one database that has been checked. */
export interface RunningTracking {
  readonly boss: PgBoss;
  readonly records: Records;
  readonly tracker: Tracker;
  readonly events: Events;
  readonly acceptNotice: AcceptNotice;
  readonly worker: Worker;
  close(): Promise<void>;
}

/** Milliseconds between two looks for claims whose syncs are over, and for refunds that have lost their job. */
const SWEEP_MS = 5_000;
/** Milliseconds between two removals of what is not needed any longer. */
const PRUNE_MS = 3_600_000;
/** Milliseconds for which notices are remembered: DaxPay repeats one for a day. */
const NOTICES_MS = 7 * 24 * 3_600_000;
/** Milliseconds that results may take to be recorded when the service stops. */
const FLUSH_MS = 2_000;
/** How long a refund may be overdue before its job is taken for lost, and how many are looked at together. */
const LOST = { seconds: 60, refunds: 500 } as const;

export async function runTracking(
  database: Database,
  storeId: string,
  options: RunningOptions,
): Promise<RunningTracking> {
  const { clock, accountOf, onError } = options;
  await using starting = new AsyncDisposableStack();
  const guard = createStoreGuard(storeId);
  const checkStore = async (sql: Sql) => void await guard.check(sql);
  const boss = await startQueue(database, { onError });
  starting.defer(() => boss.stop({ graceful: false, close: false }));
  const notifications = starting.use(listenForNotifications(database));
  const journal = createJournal({ database, key: options.journalKey, guard });
  const readEvent = async (seq: number) => {
    const [row] = await journal.read(seq - 1, 1);
    return row?.seq === seq ? eventFrom(row, storeId) : undefined;
  };
  const delivery = options.createDelivery?.(boss, database, readEvent);
  const writer = createEventWriter({
    journal,
    enqueue: async (tx, rows) => await delivery?.enqueue(tx, rows),
  });
  const jobs = createJobs(boss);
  const records = createRecords({
    database,
    notifications,
    jobs,
    events: writer,
    clock,
    schedule: options.schedule,
    checkStore,
    onError,
  });
  starting.defer(() => records.flush(FLUSH_MS));
  const worker = startWorker({ database, jobs, records, events: writer, clock, accountOf, onError });
  starting.defer(() => worker.stop());
  const events = createEvents({ journal, notifications, clock, storeId });
  starting.use(scheduleHeadLog(journal, clock, options.onHead));
  delivery?.start();
  starting.defer(() => delivery?.stop());

  const timesOf = (account: string) => {
    const recorded = accountOf(account)?.recorded;
    return recorded ? claimTimes(recorded) : UNKNOWN_TIMES;
  };
  const repeated = (ms: number, work: () => Promise<void>) => repeat(clock, ms, () => work().catch(onError));
  starting.use(repeated(SWEEP_MS, async () => {
    await records.endOverClaims(timesOf);
    await planLost();
  }));
  /** A job that was lost with the queue's tables would leave its refund for ever. */
  async function planLost(): Promise<void> {
    const lost = await database.query<{ id: number; account: string; dueAt: Date }>(
      `SELECT id, account, next_attempt_at AS "dueAt" FROM refund WHERE tracking_state = 'ACTIVE'
         AND next_attempt_at < clock_timestamp() - make_interval(secs => $1) ORDER BY next_attempt_at LIMIT $2`,
      [LOST.seconds, LOST.refunds],
    );
    await jobs.plan(database, lost);
  }
  starting.use(repeated(PRUNE_MS, async () => {
    if (options.retentionMs !== undefined) await pruneAllRefunds(database, options.retentionMs);
    await pruneNotices(database, NOTICES_MS);
  }));

  const tracker = createTracker({
    database,
    records,
    jobs,
    events: writer,
    trackTimeoutMs: options.trackTimeoutMs,
    checkStore,
    accountOf(name) {
      const account = accountOf(name);
      if (!account) throw new TypeError(`Expected a configured account, got "${name}"`);
      return account.recorded;
    },
  });
  const running = starting.move();
  return {
    boss,
    records,
    events,
    worker,
    tracker: {
      ...tracker,
      async track(requests, trackedBy) {
        const results = await tracker.track(requests, trackedBy);
        worker.wake();
        return results;
      },
    },
    acceptNotice: createNotices({ database, records, jobs, checkStore }),
    close: () => running.disposeAsync(),
  };
}

/** For the claims of an account that is no longer configured: longer than any other. */
const UNKNOWN_TIMES = { sendMs: 5_000, answerMs: 120_000, settleMs: 600_000 } as const;
