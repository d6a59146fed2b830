import type { Sql } from "../../src/store/database.ts";
import type { Jobs, RefundJob } from "../../src/tracking/jobs.ts";
import { afterCommit } from "./replica-database.ts";

interface Job extends RefundJob {
  dueAt: number;
  /** Who works on it; undefined: it waits. */
  holder: Holder | undefined;
}

interface Holder {
  touchedAt: number;
}

/** The jobs of all replicas, as pg-boss keeps them: one per refund, changed with the transaction that says so. */
export interface MemoryQueue {
  /** The jobs as one replica sees them. */
  open(): Jobs;
  /** When each refund is looked at next, by its id; those in progress are left out. */
  due(): ReadonlyMap<number, Date>;
  clear(): void;
}

/** As in QUEUES: after a missed heartbeat another replica gets the job. */
const HEARTBEAT_MS = 10_000;

/** `now`: the database's clock, in epoch milliseconds. */
export function createMemoryQueue(now: () => number): MemoryQueue {
  const jobs = new Map<number, Job>();

  function plan({ id, account }: RefundJob, dueAt: Date): void {
    if (!jobs.has(id)) jobs.set(id, { id, account, dueAt: dueAt.getTime(), holder: undefined });
  }

  function move({ id, account }: RefundJob, dueAt: Date): void {
    const job = jobs.get(id);
    if (!job) return plan({ id, account }, dueAt);
    if (!job.holder) job.dueAt = dueAt.getTime();
  }

  function open(): Jobs {
    const active = new Map<number, Holder>();
    const change = (tx: Sql, work: () => void) => Promise.resolve(afterCommit(tx, work));
    return {
      plan: (tx, planned) => change(tx, () => planned.forEach((job) => plan(job, job.dueAt))),
      move: (tx, job, dueAt) => change(tx, () => move(job, dueAt)),
      async next(tx, job, dueAt) {
        const holder = active.get(job.id);
        if (!holder) return () => {};
        await change(tx, () => {
          if (jobs.get(job.id)?.holder !== holder) return;
          jobs.delete(job.id);
          if (dueAt) plan(job, dueAt);
        });
        return () => {
          if (active.get(job.id) === holder) active.delete(job.id);
        };
      },
      fetch(count, without) {
        const due = [...jobs.values()].filter(({ account, dueAt, holder }) =>
          !without.includes(account) && dueAt <= now() && (!holder || holder.touchedAt + HEARTBEAT_MS < now())
        ).slice(0, count);
        for (const job of due) {
          job.holder = { touchedAt: now() };
          active.set(job.id, job.holder);
        }
        return Promise.resolve(due.map(({ id, account }) => ({ id, account })));
      },
      isActive: (id) => active.has(id),
      touch() {
        for (const holder of active.values()) holder.touchedAt = now();
        return Promise.resolve();
      },
      forget: (id) => void active.delete(id),
    };
  }

  return {
    open,
    due: () =>
      new Map([...jobs.values()].filter(({ holder }) => !holder).map(({ id, dueAt }) => [id, new Date(dueAt)])),
    clear: () => jobs.clear(),
  };
}
