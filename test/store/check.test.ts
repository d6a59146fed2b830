import { describe, expect, test } from "vitest";
import { checkStore, StoreSetupError } from "../../src/store/check.ts";
import { type Database, StoreReplacedError, StoreUnavailableError } from "../../src/store/database.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { freePort } from "../support/free-port.ts";
import { postgresTest } from "../support/postgres-test.ts";

const OPTIONS = { maxConnections: 2, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 };

const embedded = test.extend<{ readonly database: Database }>({
  database: [
    // deno-lint-ignore no-empty-pattern -- vitest reads which fixtures a fixture needs from its first parameter.
    async ({}, use) => {
      await using database = await openEmbedded();
      await migrate(database);
      await use(database);
    },
    { scope: "file" },
  ],
});

/** A statement that fails the check; what undoes it. */
const DEFECTS: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "synchronous_commit is off",
    "SET synchronous_commit = off",
    "SET synchronous_commit = on",
    /^synchronous_commit: expected on, got off/,
  ],
  [
    "a migration is missing",
    `DELETE FROM migration WHERE name = '${MIGRATIONS[0].name}'`,
    `INSERT INTO migration (name) VALUES ('${MIGRATIONS[0].name}')`,
    new RegExp(`with the migration ${MIGRATIONS[0].name}, got one without: run deno task migrate$`),
  ],
  [
    "the queue's tables are missing",
    "ALTER SCHEMA pgboss RENAME TO elsewhere",
    "ALTER SCHEMA elsewhere RENAME TO pgboss",
    /with the service's tables, got one without: run deno task migrate$/,
  ],
  [
    "the queue's tables are an older version's",
    "UPDATE pgboss.version SET version = version - 1",
    "UPDATE pgboss.version SET version = version + 1",
    /^Expected version \d+ of the queue's tables, got \d+: run deno task migrate$/,
  ],
];

describe("checkStore()", () => {
  embedded("returns identity and age of a database that was migrated", async ({ database }) => {
    const { storeId, serverVersion, ageMs } = await checkStore(database);
    expect(await database.query("SELECT store_id FROM identity")).toEqual([{ store_id: storeId }]);
    expect(serverVersion).toMatch(/^\d+\.\d+$/);
    expect(ageMs).toBeGreaterThanOrEqual(0);
    await database.query("UPDATE identity SET created_at = now() - interval '1 hour'");
    expect((await checkStore(database)).ageMs).toBeGreaterThanOrEqual(3_600_000);
  });

  embedded("accepts a later version's migrations", async ({ database }) => {
    await database.query("INSERT INTO migration (name) VALUES ('9999_later')");
    await database.query("UPDATE pgboss.version SET version = version + 1");
    await expect(checkStore(database)).resolves.toMatchObject({ storeId: expect.any(String) });
    await database.query("DELETE FROM migration WHERE name = '9999_later'");
    await database.query("UPDATE pgboss.version SET version = version - 1");
  });

  for (const [defect, breaking, mending, message] of DEFECTS) {
    embedded(`throws where ${defect}`, async ({ database }) => {
      await database.query(breaking);
      const error = await checkStore(database).catch((error) => error);
      await database.query(mending);
      expect(error).toBeInstanceOf(StoreSetupError);
      expect(error.message).toMatch(message);
      await checkStore(database);
    });
  }

  embedded("throws a StoreReplacedError where the identity is missing, until it is adopted", async ({ database }) => {
    const { storeId } = await checkStore(database);
    await database.query("DELETE FROM identity");
    await expect(checkStore(database)).rejects.toThrow(StoreReplacedError);
    expect(await migrate(database)).toMatchObject({ storeId: "", adopted: false });
    const adopted = await migrate(database, { adopt: true });
    expect(adopted.storeId).not.toBe(storeId);
    expect(await checkStore(database)).toMatchObject({ storeId: adopted.storeId });
  });

  test("throws where nothing was migrated", async () => {
    await using database = await openTestDatabase();
    await expect(checkStore(database)).rejects.toThrow(/got one without: run deno task migrate$/);
  });

  test("throws a StoreUnavailableError where nothing listens", async () => {
    await using database = openPostgres({ ...OPTIONS, url: `postgres://u:p@127.0.0.1:${await freePort()}/d` });
    await expect(checkStore(database)).rejects.toThrow(StoreUnavailableError);
  });

  postgresTest("accepts PostgreSQL, and names what the role may not read", async ({ postgres }) => {
    const databaseUrl = await postgres.createDatabase();
    await using database = openPostgres({ ...OPTIONS, url: databaseUrl });
    const { storeId } = await migrate(database);
    expect(await checkStore(database)).toMatchObject({ storeId });
    await postgres.query("CREATE ROLE stranger LOGIN PASSWORD 'p'");
    const { pathname } = new URL(databaseUrl);
    await using stranger = openPostgres({ ...OPTIONS, url: postgres.url(pathname.slice(1), "stranger", "p") });
    await expect(checkStore(stranger)).rejects.toThrow(/^Expected a role that may read (refundsync|pgboss)\./);
  });
});
