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
}

/** Starts pg-boss on a database that has been migrated. */
export async function startQueue(database: Database, { onError }: QueueOptions): Promise<PgBoss> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    schema: BOSS_SCHEMA,
    migrate: false,
    createSchema: false,
    schedule: false,
    reindex: false,
    monitorVacuum: false,
    monitorIntervalSeconds: 5,
  });
  boss.on("error", onError);
  await boss.start();
  return boss;
}
