import { PgBoss } from "pg-boss";
import type { Database, Sql } from "./database.ts";
import { SCHEMA } from "./database.ts";
import { BOSS_SCHEMA, bossDatabase, QUEUES } from "./queue.ts";
import { MIGRATIONS } from "./migrations.ts";

/** Any fixed number: two migrations wait for each other. */
const LOCK = 7_240_118_305;

export interface MigrateOptions {
  /** Accepts a database that has lost its identity or a part of its journal. */
  readonly adopt?: boolean;
}

export interface Migrated {
  /** Names of the migrations that were applied. */
  readonly applied: readonly string[];
  readonly storeId: string;
  readonly adopted: boolean;
}

/** Brings the schema of the tables and of pg-boss up to date, one replica at a time. Applies nothing twice. */
export async function migrate(database: Database, { adopt = false }: MigrateOptions = {}): Promise<Migrated> {
  const result = await database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    const isNew = !(await hasTables(tx));
    await tx.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
    await tx.query(`CREATE TABLE IF NOT EXISTS ${SCHEMA}.migration (
      name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`);
    const rows = await tx.query<{ name: string }>(`SELECT name FROM ${SCHEMA}.migration`);
    const done = new Set(rows.map(({ name }) => name));
    const applied: string[] = [];
    for (const { name, sql } of MIGRATIONS) {
      if (done.has(name)) continue;
      await tx.query(sql);
      await tx.query(`INSERT INTO ${SCHEMA}.migration (name) VALUES ($1)`, [name]);
      applied.push(name);
    }
    if (isNew) await tx.query("INSERT INTO identity DEFAULT VALUES ON CONFLICT DO NOTHING");
    if (adopt) {
      await tx.query(`INSERT INTO identity (adopted_at) VALUES (now())
        ON CONFLICT (only_row) DO UPDATE SET store_id = gen_random_uuid(), adopted_at = now()`);
    }
    const [identity] = await tx.query<{ store_id: string }>("SELECT store_id FROM identity");
    return { applied, storeId: identity?.store_id ?? "", adopted: adopt };
  });
  await migrateQueue(database);
  return result;
}

async function hasTables(sql: Sql): Promise<boolean> {
  const rows = await sql.query("SELECT 1 FROM information_schema.schemata WHERE schema_name = $1", [SCHEMA]);
  return rows.length > 0;
}

/** pg-boss takes a lock of its own. */
async function migrateQueue(database: Database): Promise<void> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    schema: BOSS_SCHEMA,
    supervise: false,
    schedule: false,
    registerInstance: false,
  });
  boss.on("error", () => {});
  await boss.start();
  try {
    for (const [name, options] of Object.entries(QUEUES)) {
      await boss.createQueue(name, options);
      const { policy: _policy, partition: _partition, ...changeable } = options;
      await boss.updateQueue(name, changeable);
    }
  } finally {
    await boss.stop({ graceful: false });
  }
}
