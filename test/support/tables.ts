import { type Database, SCHEMA } from "../../src/store/database.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";

/** Creates the service's own tables anew, in far less time than pg-boss's, which a test of the store alone does not need. */
export async function applyTables(database: Database): Promise<void> {
  await database.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE; CREATE SCHEMA ${SCHEMA}`);
  for (const { sql } of MIGRATIONS) await database.query(sql);
  await database.query("INSERT INTO identity DEFAULT VALUES");
}
