import { inject } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { createSharedDatabase } from "./shared-postgres.ts";

/** An empty database of the test's own: PostgreSQL where it is installed, since the embedded one takes seconds to start. */
export async function openTestDatabase(): Promise<Database> {
  const postgresUrl = inject("postgresUrl");
  if (postgresUrl === undefined) return await openEmbedded();
  return openPostgres({
    url: await createSharedDatabase(postgresUrl),
    maxConnections: 10,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 30_000,
  });
}
