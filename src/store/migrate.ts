import { getConstructionPlans, PgBoss } from "pg-boss";
import type { Database, Sql } from "./database.ts";
import { SCHEMA } from "./database.ts";
import { grants } from "./grants.ts";
import { BOSS_SCHEMA, bossDatabase, QUEUES } from "./queue.ts";
import { MIGRATIONS } from "./migrations.ts";

/** Any fixed number: two migrations wait for each other. */
const LOCK = 7_240_118_305;

const MIGRATION_TABLE = `CREATE TABLE IF NOT EXISTS ${SCHEMA}.migration (
  name text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
)`;

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
    // Even with IF NOT EXISTS it would need a right on the database, which the owner of an existing schema may lack.
    for (const schema of [SCHEMA, BOSS_SCHEMA]) {
      if (!(await hasSchema(tx, schema))) await tx.query(`CREATE SCHEMA ${schema}`);
    }
    const isNew = !(await hasTables(tx));
    await tx.query(MIGRATION_TABLE);
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
  // pg-boss has made tables as well, which it does in transactions of its own.
  await database.transaction(async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    for (const statement of await grants(tx)) await tx.query(statement);
  });
  return result;
}

/** The statements of all migrations and of pg-boss, for an empty database; for reading rather than for running. */
export function migrationSql(): string {
  return [
    `CREATE SCHEMA ${SCHEMA};\nSET search_path = ${SCHEMA};\n${MIGRATION_TABLE};`,
    ...MIGRATIONS.map(({ name, sql }) => `-- ${name}\n${sql.trim()}`),
    `-- pg-boss\n${getConstructionPlans(BOSS_SCHEMA).trim()}`,
  ].join("\n\n");
}

async function hasSchema(sql: Sql, name: string): Promise<boolean> {
  const rows = await sql.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", [name]);
  return rows.length > 0;
}

/** Whether it was migrated before: an identity that is missing then has been lost. */
async function hasTables(sql: Sql): Promise<boolean> {
  const [{ found }] = await sql.query<{ found: boolean }>(
    `SELECT to_regclass('${SCHEMA}.migration') IS NOT NULL AS found`,
  );
  return found;
}

/** pg-boss takes a lock of its own, but not before it creates its schema. */
async function migrateQueue(database: Database): Promise<void> {
  const boss = new PgBoss({
    db: bossDatabase(database),
    schema: BOSS_SCHEMA,
    createSchema: false,
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
