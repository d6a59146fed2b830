import { type Db, PgBoss, type Queue } from "pg-boss";
import type { Database, Sql } from "./database.ts";

/** pg-boss's own schema. */
export const BOSS_SCHEMA = "pgboss";

/**
 * A job of `refund` says when to look at a refund; whether it may be synced is said by its row alone. A job of `webhook`
 * delivers one event; those of one refund are delivered in order.
 */
export const QUEUES = {
  refund: {
    policy: "exclusive",
    partition: true,
    // An attempt may take 60 s; a process that was killed sends no heartbeat.
    expireInSeconds: 180,
    heartbeatSeconds: 10,
    retryLimit: 1_000_000,
    retryDelay: 1,
    deleteAfterSeconds: 60,
    retentionSeconds: 30 * 24 * 3600,
  },
  webhook: {
    // The only policy that keeps an order. A failed job would hold back its key until it is deleted, so jobs never fail here:
    // who works on them takes one that is given up out of the queue.
    policy: "key_strict_fifo",
    partition: true,
    // An attempt may take 30 s; that of a process that was killed is repeated afterwards.
    expireInSeconds: 60,
    retryLimit: 1_000_000,
    retryDelay: 5,
    retryBackoff: true,
    retryDelayMax: 6 * 3600,
    // A job waits for all earlier ones of its key, each of which may take days.
    retentionSeconds: 365 * 24 * 3600,
  },
  // Nobody works on these: they wait for an operator.
  "webhook-dead": {
    policy: "standard",
    partition: true,
    retentionSeconds: 365 * 24 * 3600,
  },
} as const satisfies Record<string, Omit<Queue, "name">>;

export type QueueName = keyof typeof QUEUES;

/** Runs pg-boss's statements, alone or in a transaction. */
export function bossDatabase(sql: Sql): Db {
  return {
    executeSql: async (text, values) => ({ rows: await sql.query(text, values?.length ? values : undefined) }),
  };
}

export interface QueueOptions {
  readonly onError: (error: Error) => void;
  /** Whether it also maintains the queues, as every replica does and a command does not; the default is true. */
  readonly supervise?: boolean;
}

/** Starts pg-boss on a database that has been migrated. */
export async function startQueue(database: Database, { onError, supervise = true }: QueueOptions): Promise<PgBoss> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    schema: BOSS_SCHEMA,
    migrate: false,
    createSchema: false,
    schedule: false,
    supervise,
    registerInstance: supervise,
    reindex: false,
    monitorVacuum: false,
    monitorIntervalSeconds: 5,
  });
  boss.on("error", onError);
  await boss.start();
  return boss;
}

/** A job that follows all others of its key. */
export interface OrderedJob {
  /** Position among the jobs of the queue, a whole number from 0. One that is queued already is not queued twice. */
  readonly order: number;
  readonly key: string;
  /** What shares a limit of jobs at once. */
  readonly group: string;
  readonly data: object;
}

/**
 * Sends jobs to a queue of the policy key_strict_fifo, so that those of one key run by `order`. Call it where the orders are
 * given, under the same lock.
 */
export async function sendInOrder(boss: PgBoss, tx: Sql, queue: QueueName, jobs: readonly OrderedJob[]): Promise<void> {
  if (jobs.length === 0) return;
  const sent = await boss.insert(
    queue,
    jobs.map(({ order, key, group, data }) => ({ id: idOf(order), singletonKey: key, group: { id: group }, data })),
    { db: bossDatabase(tx), returnId: true },
  );
  // pg-boss orders by created_on, then id. It sets the former to the time at which the transaction began, which may be before
  // that of another one which was the first to get the lock.
  await tx.query(
    `UPDATE ${BOSS_SCHEMA}.job SET created_on = (SELECT clock_timestamp()) WHERE name = $1 AND id = ANY($2::uuid[])`,
    [queue, sent ?? []],
  );
}

/** A UUID of version 8 that sorts as the number does. */
function idOf(order: number): string {
  const digits = order.toString(16).padStart(12, "0");
  return `${digits.slice(0, 8)}-${digits.slice(8)}-8000-8000-000000000000`;
}

export interface QueueDepth {
  /** Jobs that are queued, be it for a retry, or worked on. */
  readonly count: number;
  /** Milliseconds since the oldest of them was sent; 0 where there is none. */
  readonly oldestMs: number;
}

export async function queueDepth(sql: Sql, queue: QueueName): Promise<QueueDepth> {
  const [{ count, oldest }] = await sql.query<{ count: number; oldest: number | null }>(
    `SELECT count(*) AS count, (extract(epoch FROM clock_timestamp() - min(created_on)) * 1000)::float8 AS oldest
      FROM ${BOSS_SCHEMA}.job WHERE name = $1 AND state IN ('created', 'retry', 'active')`,
    [queue],
  );
  return { count, oldestMs: Math.max(0, oldest ?? 0) };
}
