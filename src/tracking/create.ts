import type { SharedBudget } from "../refund/shared-budget.ts";
import type { SharedRecords } from "../refund/shared.ts";
import { checkStore, StoreSetupError } from "../store/check.ts";
import { type Database, StoreReplacedError, StoreUnavailableError } from "../store/database.ts";
import { createBudget } from "./budget.ts";
import { listTracked } from "./list.ts";
import type { NoticeResult, RefundNotice } from "./notices.ts";
import type { OnConflict, RecordedAccount } from "./records.ts";
import { type RunningOptions, type RunningTracking, runTracking } from "./running.ts";
import { type AccountTrackingStats, readTrackingStats } from "./stats.ts";
import { trackingErrorFrom } from "./store-error.ts";
import type { Tracking } from "./tracking.ts";

export interface TrackingOptions extends RunningOptions {
  readonly database: Database;
  /** Called when the database can be used, and when it cannot. */
  readonly onState: (error: Error | undefined) => void;
}

/** Tracking with everything else that replicas share. */
export interface StartedTracking extends Tracking {
  /**
   * Uses the database from now on. Throws a StoreSetupError where it has to be set up first; one that is unavailable is
   * tried again until it is there, and one that was replaced stops syncs.
   */
  start(): Promise<void>;
  /** What replicas agree on for an account; while the database cannot be used, its claims are "away". */
  sharedRecords(account: RecordedAccount, onConflict: OnConflict): SharedRecords;
  sharedBudget(account: string): SharedBudget;
  acceptNotice(account: RecordedAccount, notice: RefundNotice, canQuery: boolean): Promise<NoticeResult>;
  /** As read a few seconds ago at the earliest. */
  stats(): Promise<readonly AccountTrackingStats[]>;
  /** Makes no further attempts; what has been sent may still be recorded. */
  stop(): Promise<void>;
  /** Attempts in progress, and results that wait to be recorded. */
  counts(): { readonly running: number; readonly unrecorded: number };
  close(): Promise<void>;
}

/** Milliseconds between attempts to use a database that is unavailable at the start. */
const CONNECT_RETRY_MS = 2_000;
/** Milliseconds for which statistics are taken as read: they take one pass over all tracked refunds. */
const STATS_MS = 5_000;
/** Milliseconds for which the number of replicas is taken as read. */
const REPLICAS_MS = 10_000;

export function createTracking(options: TrackingOptions): StartedTracking {
  const { database, clock, onState } = options;
  let running: RunningTracking | undefined;
  let problem: Error = new StoreUnavailableError("it has not been used yet");
  /** Clock.elapsed of the database's setup, or of its adoption: a sync may have been sent before that nobody has recorded. */
  let setUpAt = -Infinity;
  let replicas = 1;
  let stats: Promise<readonly AccountTrackingStats[]> | undefined;
  let statsAt = 0;
  let closed = false;
  let cancel = () => {};

  async function connect(): Promise<void> {
    const info = await checkStore(database);
    // Negative: the database's clock was set back.
    setUpAt = clock.elapsed() - Math.max(0, info.ageMs);
    const started = await runTracking(database, info.storeId, options);
    if (closed) return await started.close();
    running = started;
    onState(undefined);
    countReplicas();
  }

  async function connectLater(): Promise<void> {
    try {
      await connect();
    } catch (error) {
      await failed(error as Error, false);
    }
  }

  function failed(error: Error, first: boolean): void {
    if (first && !(error instanceof StoreUnavailableError || error instanceof StoreReplacedError)) throw error;
    if (error.message !== problem.message) onState(error);
    problem = error;
    if (!closed) cancel = clock.after(CONNECT_RETRY_MS, connectLater);
  }

  async function countReplicas(): Promise<void> {
    try {
      const instances = await running?.boss.getInstances() ?? [];
      replicas = Math.max(1, instances.filter(({ live }) => live).length);
    } catch {
      // The last count stays.
    }
    if (!closed) cancel = clock.after(REPLICAS_MS, countReplicas);
  }

  /** Throws as `Tracking` does. */
  async function use<T>(work: (tracking: RunningTracking) => Promise<T>): Promise<T> {
    try {
      if (!running) throw problem instanceof StoreSetupError ? new StoreUnavailableError(problem) : problem;
      return await work(running);
    } catch (error) {
      throw trackingErrorFrom(error);
    }
  }

  return {
    start: () => connect().catch((error) => failed(error, true)),
    track: (requests, trackedBy) => use(({ tracker }) => tracker.track(requests, trackedBy)),
    get: (name) => use(({ tracker }) => tracker.get(name)),
    untrack: (name) => use(({ tracker }) => tracker.untrack(name)),
    acknowledge: (name, note, by) => use(({ tracker }) => tracker.acknowledge(name, note, by)),
    list: (query) => use(() => listTracked(database, query)),
    listEvents: (query, limit) => use(({ events }) => events.list(query, limit)),
    streamEvents(query, signal) {
      if (!running) throw trackingErrorFrom(problem);
      return running.events.stream(query, signal);
    },
    sharedRecords(account, onConflict) {
      const of = () => running?.records.sharedRecords(account, onConflict);
      return {
        async claim(refund, callMs) {
          const settleMs = setUpAt + account.settleTimeoutMs - clock.elapsed();
          if (running && refund.bound && account.settleOnStart && settleMs > 0) return { kind: "doubt", ms: settleMs };
          const replaced = problem instanceof StoreReplacedError;
          return await of()?.claim(refund, callMs) ?? { kind: "away", replaced, mayContinue: account.mayContinue };
        },
        commit: async (result) => await of()?.commit(result),
        find: async (request) => await of()?.find(request),
      };
    },
    sharedBudget: (account) => createBudget(database, { account, replicas: () => replicas }),
    acceptNotice: (account, notice, canQuery) => use(({ acceptNotice }) => acceptNotice(account, notice, canQuery)),
    stats() {
      if (!stats || clock.elapsed() - statsAt > STATS_MS) {
        stats = use(() => readTrackingStats(database));
        statsAt = clock.elapsed();
      }
      return stats;
    },
    counts: () => ({ running: running?.worker.running() ?? 0, unrecorded: running?.records.unrecorded() ?? 0 }),
    async stop() {
      await running?.worker.stop();
    },
    async close() {
      closed = true;
      cancel();
      await running?.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
