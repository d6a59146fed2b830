import bossManifest from "pg-boss/package.json" with { type: "json" };
import { SCHEMA, type Sql, StoreReplacedError } from "./database.ts";
import { MIGRATIONS } from "./migrations.ts";
import { BOSS_SCHEMA } from "./queue.ts";

/** The oldest PostgreSQL with everything that the tables use, as its server_version_num. */
const MIN_VERSION = 130_000;
const MIGRATE = "run deno task migrate";

/** The database answers, and cannot be used as it is: somebody has to change it. */
export class StoreSetupError extends Error {
  override readonly name = "StoreSetupError";
}

/** A database that can be used. */
export interface StoreInfo {
  /** Changes when the database is adopted. */
  readonly storeId: string;
  /** For example "15.18". */
  readonly serverVersion: string;
  /** Milliseconds since its identity was created or adopted, by the database's clock. */
  readonly ageMs: number;
}

/**
 * Checks that the database has been migrated and keeps what it has committed. Migrations that this version does not know are a
 * later version's, which runs next to it during an upgrade. Throws a StoreSetupError, a StoreReplacedError where the identity
 * is missing, or a StoreUnavailableError.
 */
export async function checkStore(sql: Sql): Promise<StoreInfo> {
  const serverVersion = await checkServer(sql);
  await checkSchemas(sql);
  const [identity] = await sql.query<{ store_id: string; age_ms: number }>(
    `SELECT store_id, (extract(epoch FROM now() - coalesce(adopted_at, created_at)) * 1000)::float8 AS age_ms
     FROM ${SCHEMA}.identity`,
  );
  if (!identity) {
    throw new StoreReplacedError(
      "The database has lost its identity: expected the one that this service has written to. If its refunds are complete, " +
        "accept it with deno task migrate --adopt",
    );
  }
  return { storeId: identity.store_id, serverVersion, ageMs: identity.age_ms };
}

async function checkServer(sql: Sql): Promise<string> {
  const [server] = await sql.query<{ num: number; version: string; commit: string }>(
    `SELECT current_setting('server_version_num')::int AS num, current_setting('server_version') AS version,
       current_setting('synchronous_commit') AS commit`,
  );
  const version = server.version.split(" ", 1)[0];
  if (server.num < MIN_VERSION) throw new StoreSetupError(`Expected PostgreSQL 13 or later, got ${version}`);
  if (server.commit === "off") {
    throw new StoreSetupError(
      "synchronous_commit: expected on, got off: after a crash the database could have forgotten a sync that was sent. Set it " +
        "for the database or its role: ALTER DATABASE … SET synchronous_commit = on",
    );
  }
  return version;
}

async function checkSchemas(sql: Sql): Promise<void> {
  const tables = await sql.query<{ name: string; readable: boolean }>(
    `SELECT nspname || '.' || relname AS name,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
     WHERE (nspname, relname) IN (($1, 'migration'), ($1, 'identity'), ($2, 'version'))`,
    [SCHEMA, BOSS_SCHEMA],
  );
  if (tables.length < 3) {
    throw new StoreSetupError("Expected a database with the service's tables, got one without: " + MIGRATE);
  }
  const unreadable = tables.find(({ readable }) => !readable);
  if (unreadable) {
    throw new StoreSetupError(
      `Expected a role that may read ${unreadable.name}, got another one: create the roles of deploy/roles.sql, then ` +
        MIGRATE,
    );
  }
  const applied = await sql.query<{ name: string }>(`SELECT name FROM ${SCHEMA}.migration`);
  const missing = MIGRATIONS.filter(({ name }) => !applied.some((row) => row.name === name));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new StoreSetupError(`Expected a database with the migration ${names}, got one without: ` + MIGRATE);
  }
  const [boss] = await sql.query<{ version: number }>(`SELECT version::int AS version FROM ${BOSS_SCHEMA}.version`);
  const needed = bossManifest.pgboss.schema;
  if (!boss || boss.version < needed) {
    throw new StoreSetupError(
      `Expected version ${needed} of the queue's tables, got ${boss?.version ?? "none"}: ` + MIGRATE,
    );
  }
}
