import { RELEASES } from "../../src/daxpay/release.ts";
import { type Clock, systemClock } from "../../src/refund/clock.ts";
import type { Refunds } from "../../src/refund/refunds.ts";
import type { SharedRecords } from "../../src/refund/shared.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { createStoreGuard, readStoreId } from "../../src/store/identity.ts";
import { createJournal, type Journal } from "../../src/store/journal.ts";
import { listenForNotifications } from "../../src/store/notifications.ts";
import { createEventWriter } from "../../src/tracking/event-writer.ts";
import type { Jobs } from "../../src/tracking/jobs.ts";
import { type AcceptNotice, createNotices } from "../../src/tracking/notices.ts";
import { claimTimes, createRecords, type RecordedAccount, type Records } from "../../src/tracking/records.ts";
import { createTracker, type Tracker } from "../../src/tracking/track.ts";
import { startWorker, type Worker } from "../../src/tracking/worker.ts";
import type { Fetch } from "./embedded.ts";
import type { MemoryQueue } from "./memory-jobs.ts";
import type { ReplicaDatabase, SharedDatabase } from "./replica-database.ts";

export const SCHEDULE = { waits: [10_000, 30_000, 60_000, 60_000, 60_000, 300_000], jitter: 0 } as const;
export const TRACK_TIMEOUT_MS = 3_600_000;

/** The account "default" as records know it. */
export function recordedAccount(release: ReleaseName, overrides: Partial<RecordedAccount> = {}): RecordedAccount {
  return {
    name: "default",
    server: "http://daxpay.test/",
    mchNo: "M1745845174843",
    appId: "M8207639754663343",
    timeoutMs: 20_000,
    settleTimeoutMs: 60_000,
    settleOnStart: false,
    locksOrder: RELEASES[release].locksOrder,
    mayContinue: false,
    ...overrides,
  };
}

/** One process of the service, without its sockets. */
export interface Replica extends Disposable {
  readonly account: RecordedAccount;
  readonly database: ReplicaDatabase;
  readonly clock: Clock;
  readonly jobs: Jobs;
  readonly journal: Journal;
  readonly records: Records;
  readonly shared: SharedRecords;
  readonly tracker: Tracker;
  readonly acceptNotice: AcceptNotice;
  /** What has been reported as a defect. */
  readonly errors: readonly Error[];
  /** Makes the attempts of tracked refunds from now on. */
  startWorker(refunds: Refunds): Worker;
  /** Lets requests wait while the replica stands still. */
  withGate(fetch: Fetch): Fetch;
  /** Stands still as in a suspended process: nothing that it does or waits for goes on before `resume`. */
  pause(): void;
  resume(): void;
  /** As by kill -9: nothing goes on. */
  kill(): void;
}

export interface ReplicaOptions {
  readonly database: SharedDatabase;
  readonly queue: MemoryQueue;
  readonly release: ReleaseName;
  readonly account?: Partial<RecordedAccount>;
  /** Whether it ends claims that are over, as the service does. Defaults to false. */
  readonly sweeps?: boolean;
}

/** As in runTracking(). */
const SWEEP_MS = 5_000;

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { database: sharedDatabase, queue, release, sweeps = false } = options;
  const account = recordedAccount(release, options.account);
  const errors: Error[] = [];
  let standing: PromiseWithResolvers<void> | undefined;
  const gate = () => standing?.promise;
  let dead = false;

  const clock: Clock = {
    ...systemClock,
    after(ms, work) {
      let cancelled = false;
      const run = async () => {
        await gate();
        if (!cancelled && !dead) work();
      };
      const cancel = dead ? () => {} : systemClock.after(ms, () => standing ? void run() : dead || work());
      return () => {
        cancelled = true;
        cancel();
      };
    },
  };

  const database = sharedDatabase.open(gate);
  const storeId = await readStoreId(sharedDatabase.database);
  const guard = createStoreGuard(storeId);
  const checkStore = async (sql: Parameters<typeof guard.check>[0]) => void await guard.check(sql);
  const journal = createJournal({ database, key: "k".repeat(32), guard });
  const notifications = listenForNotifications(database);
  const jobs = queue.open();
  const events = createEventWriter({ journal, enqueue: async () => {} });
  const onError = (error: Error) => void errors.push(error);
  const schedule = { ...SCHEDULE, random: () => 0 };
  const records = createRecords({ database, notifications, jobs, events, clock, schedule, checkStore, onError });
  const tracker = createTracker({
    database,
    records,
    jobs,
    events,
    accountOf: (name) => ({ ...account, name }),
    trackTimeoutMs: TRACK_TIMEOUT_MS,
    checkStore,
  });

  async function sweep(): Promise<void> {
    await records.endOverClaims(() => claimTimes(account)).catch(() => {});
    clock.after(SWEEP_MS, sweep);
  }
  if (sweeps) clock.after(SWEEP_MS, sweep);

  function kill(): void {
    dead = true;
    standing = Promise.withResolvers();
    notifications[Symbol.asyncDispose]();
  }

  return {
    account,
    database,
    clock,
    jobs,
    journal,
    records,
    shared: records.sharedRecords(account, () => {}),
    tracker,
    acceptNotice: createNotices({ database, records, jobs, checkStore }),
    errors,
    startWorker: (refunds) =>
      startWorker({
        database,
        jobs,
        records,
        events,
        clock,
        accountOf: () => ({ refunds, lanes: 4, recorded: account }),
        onError,
      }),
    withGate: (fetch) => async (request) => {
      await gate();
      const response = await fetch(request).catch(async (error) => {
        await gate();
        throw error;
      });
      await gate();
      return response;
    },
    pause: () => void (standing ??= Promise.withResolvers()),
    resume() {
      if (dead) return;
      standing?.resolve();
      standing = undefined;
    },
    kill,
    [Symbol.dispose]: kill,
  };
}
