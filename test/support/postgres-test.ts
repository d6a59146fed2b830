import { test } from "vitest";
import { findPostgres, type Postgres, startPostgres } from "./postgres.ts";

interface PostgresFixtures {
  /** One cluster per test file. */
  readonly postgres: Postgres;
  /** URL of a new, empty database. */
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
  databaseUrl: async ({ postgres }, use) => use(await postgres.createDatabase()),
});

/** A test on a real PostgreSQL, with what it needs of it as its fixtures. Skipped where none is installed. */
export function postgresTest(title: string, work: (fixtures: PostgresFixtures) => unknown, timeoutMs?: number): void {
  fixtures.skipIf(!findPostgres())(`${title} (needs PostgreSQL)`, work, timeoutMs);
}
