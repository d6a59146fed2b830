import { SCHEMA, type Sql } from "./database.ts";
import { BOSS_SCHEMA } from "./queue.ts";

/** Roles that the database may have, besides the owner of the tables; deploy/roles.sql creates them. */
export const SERVICE_ROLE = "refundsync_service";
export const PRUNE_ROLE = "refundsync_prune";

const ALL = ["SELECT", "INSERT", "UPDATE", "DELETE"] as const;
type Privilege = typeof ALL[number];

/** What the service may do with tables that it may not use at will. */
const SERVICE_PRIVILEGES: Readonly<Record<string, readonly Privilege[]>> = {
  identity: ["SELECT"],
  migration: ["SELECT"],
  journal: ["SELECT", "INSERT"],
  // The one that the first row chains from.
  journal_checkpoint: ["SELECT", "INSERT"],
};

const PRUNE_PRIVILEGES: Readonly<Record<string, readonly Privilege[]>> = {
  identity: ["SELECT"],
  migration: ["SELECT"],
  journal: ["SELECT", "DELETE"],
  journal_checkpoint: ["SELECT", "INSERT", "DELETE"],
  refund: ["SELECT", "UPDATE", "DELETE"],
};

/**
 * Statements that leave each of these roles with exactly its privileges. Those that do not exist are left out, and so are
 * the owner and other roles.
 */
export async function grants(sql: Sql): Promise<string[]> {
  const roles = await sql.query<{ rolname: string }>(
    "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY ($1) AND rolname <> current_user",
    [[SERVICE_ROLE, PRUNE_ROLE]],
  );
  const exists = (role: string) => roles.some(({ rolname }) => rolname === role);
  const tables = await tablesOf(sql, SCHEMA);
  return [
    ...(exists(SERVICE_ROLE)
      ? [
        ...roleGrants(SERVICE_ROLE, SCHEMA, tables.map((table) => [table, SERVICE_PRIVILEGES[table] ?? ALL])),
        ...roleGrants(SERVICE_ROLE, BOSS_SCHEMA, (await tablesOf(sql, BOSS_SCHEMA)).map((table) => [table, ALL])),
        // PUBLIC's by default, unless the database's default privileges are others.
        `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${SCHEMA}, ${BOSS_SCHEMA} TO ${SERVICE_ROLE}`,
      ]
      : []),
    ...(exists(PRUNE_ROLE)
      ? roleGrants(PRUNE_ROLE, SCHEMA, tables.map((table) => [table, PRUNE_PRIVILEGES[table] ?? []]))
      : []),
  ];
}

/** In the catalog, since the information schema shows only what one may use. */
async function tablesOf(sql: Sql, schema: string): Promise<string[]> {
  const rows = await sql.query<{ relname: string }>(
    `SELECT relname FROM pg_catalog.pg_class
     WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) AND relkind IN ('r', 'p')
     ORDER BY relname`,
    [schema],
  );
  return rows.map(({ relname }) => relname);
}

function roleGrants(role: string, schema: string, tables: readonly (readonly [string, readonly Privilege[]])[]) {
  return [
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    ...tables.flatMap(([table, privileges]) => [
      `REVOKE ALL ON ${schema}."${table}" FROM ${role}`,
      ...(privileges.length > 0 ? [`GRANT ${privileges.join(", ")} ON ${schema}."${table}" TO ${role}`] : []),
    ]),
  ];
}
