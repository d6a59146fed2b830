import type { Database } from "../../src/store/database.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { findPostgres, startPostgres } from "./postgres.ts";

/** An empty database of the test's own: PostgreSQL where it is installed, since the embedded one takes seconds to start. */
export async function openTestDatabase(): Promise<Database> {
  if (!findPostgres()) return await openEmbedded();
  const postgres = await startPostgres();
  const database = openPostgres({
    url: await postgres.createDatabase(),
    maxConnections: 10,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 30_000,
  });
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    },
  };
}
