import { inject, test } from "vitest";
import { findPostgres, type Postgres, startPostgres } from "./postgres.ts";
import { createSharedDatabase } from "./shared-postgres.ts";

interface PostgresFixtures {
  /** A cluster of the test file's own. */
  readonly postgres: Postgres;
  /** URL of a new, empty database, in a cluster that all test files share. */
  readonly databaseUrl: string;
}

const fixtures = test.extend<PostgresFixtures>({
  postgres: [
    // deno-lint-ignore no-empty-pattern -- vitest reads which fixtures a fixture needs from its first parameter.
    async ({}, use) => {
      await using postgres = await startPostgres();
      await use(postgres);
    },
    { scope: "file" },
  ],
  // deno-lint-ignore no-empty-pattern -- as above
  databaseUrl: async ({}, use) => use(await createSharedDatabase(inject("postgresUrl") ?? "")),
});

/** A test on a real PostgreSQL, with what it needs of it as its fixtures. Skipped where none is installed. */
export function postgresTest(title: string, work: (fixtures: PostgresFixtures) => unknown, timeoutMs?: number): void {
  fixtures.skipIf(!findPostgres())(`${title} (needs PostgreSQL)`, work, timeoutMs);
}
