import type { PgBoss } from "pg-boss";
import type { Sql } from "../store/database.ts";
import { bossDatabase } from "../store/queue.ts";

const QUEUE = "refund";

/** Content of a job: when it is due, the refund's row says what to do. */
export interface RefundJob {
  readonly id: number;
  readonly account: string;
}

/** One fetched job, as it is completed. */
export interface FetchedJob {
  readonly id: string;
  readonly retryCount: number;
}

/** When refunds are to be looked at. A job only wakes the worker; the row decides. */
export interface Jobs {
  /** Plans a look at each refund, unless one is planned already. */
  plan(tx: Sql, jobs: readonly (RefundJob & { readonly dueAt: Date })[]): Promise<void>;
  /** Moves a planned look to an earlier or later time, or plans one. */
  move(tx: Sql, job: RefundJob, dueAt: Date): Promise<void>;
  /**
   * Completes the refund's job, if this process is working on it, and plans the next one; undefined: there is none.
   * Returns what to call once the transaction has been committed.
   */
  next(tx: Sql, job: RefundJob, dueAt: Date | undefined): Promise<() => void>;
  /** Fetches due jobs, at most `count`, of other accounts than the given ones. */
  fetch(count: number, without: readonly string[]): Promise<readonly RefundJob[]>;
  /** Whether this process still has to complete the refund's job. */
  isActive(id: number): boolean;
  /** Keeps the jobs in progress from being given to another replica. */
  touch(): Promise<void>;
  /** Gives up the jobs in progress: another replica takes them when it misses their heartbeat. */
  forget(id: number): void;
}

export function createJobs(boss: PgBoss): Jobs {
  const active = new Map<number, FetchedJob>();

  const optionsOf = ({ id, account }: RefundJob, startAfter: Date) => ({
    singletonKey: String(id),
    group: { id: account },
    startAfter,
  });

  return {
    async plan(tx, jobs) {
      if (jobs.length === 0) return;
      await boss.insert(
        QUEUE,
        jobs.map(({ dueAt, id, account }) => ({ data: { id, account }, ...optionsOf({ id, account }, dueAt) })),
        { db: bossDatabase(tx) },
      );
    },
    async move(tx, job, dueAt) {
      await boss.upsert(QUEUE, job, { ...optionsOf(job, dueAt), match: "all", db: bossDatabase(tx) });
    },
    async next(tx, job, dueAt) {
      const current = active.get(job.id);
      if (!current) return () => {};
      const db = bossDatabase(tx);
      await boss.complete(QUEUE, current, null, { db });
      if (dueAt) await boss.send(QUEUE, job, { ...optionsOf(job, dueAt), db });
      return () => {
        if (active.get(job.id) === current) active.delete(job.id);
      };
    },
    async fetch(count, without) {
      const jobs = await boss.fetch<RefundJob>(QUEUE, { batchSize: count, ignoreGroups: [...without] });
      for (const { id, retryCount, data } of jobs) active.set(data.id, { id, retryCount });
      return jobs.map(({ data }) => data);
    },
    isActive: (id) => active.has(id),
    async touch() {
      if (active.size > 0) await boss.touch(QUEUE, [...active.values()]);
    },
    forget: (id) => void active.delete(id),
  };
}
