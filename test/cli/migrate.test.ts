import { describe, expect, test } from "vitest";
import { runMigrate } from "../../src/cli/migrate.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { freePort } from "../support/free-port.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { run } from "../support/process.ts";
import { openTestDatabase } from "../support/test-database.ts";
import { createRunHere } from "./run-here.ts";

const MIGRATE = ["run", "-P=migrate", "src/cli/migrate.ts"];
const APPLIED = MIGRATIONS.map(({ name }) => `Applied ${name}`);
const STORE = /^Store [0-9a-f-]{36}$/;

const runHere = createRunHere(runMigrate);

describe("deno task migrate", () => {
  postgresTest(
    "applies every migration once, with its permissions, also when run twice at once",
    async ({ databaseUrl }) => {
      const runs = await Promise.all(
        [1, 2].map(() => run(MIGRATE, { DATABASE_URL: databaseUrl, PGREPLICATION: "database" })),
      );
      expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual([{ code: 0, stderr: "" }, {
        code: 0,
        stderr: "",
      }]);
      const [first, second] = runs.map(({ stdout }) => stdout.trim().split("\n")).sort((a, b) =>
        b.length - a.length || (a[0] < b[0] ? -1 : 1)
      );
      expect(first).toEqual([...APPLIED, expect.stringMatching(STORE)]);
      expect(second).toEqual(["Nothing to apply: the tables are up to date", first.at(-1)]);
    },
  );

  postgresTest("gives a database a new identity with --adopt only", async ({ postgres }) => {
    const databaseUrl = await postgres.createDatabase();
    const variables = { DATABASE_URL: databaseUrl };
    const first = await runHere([], variables);
    expect(first).toEqual({ code: 0, printed: [...APPLIED, expect.stringMatching(STORE)], problems: [] });
    await postgres.query("DELETE FROM refundsync.identity", [], new URL(databaseUrl).pathname.slice(1));
    expect(await runHere([], variables)).toEqual({
      code: 1,
      printed: ["Nothing to apply: the tables are up to date"],
      problems: [expect.stringMatching(/lost its identity.*--adopt$/)],
    });
    const adopted = await runHere(["--adopt"], variables);
    expect(adopted).toMatchObject({
      code: 0,
      printed: [expect.any(String), expect.stringMatching(/^Adopted as store /)],
    });
    expect((await runHere([], variables)).printed.at(-1)).toBe(
      adopted.printed.at(-1)?.replace("Adopted as store", "Store"),
    );
  });

  postgresTest("says what went wrong, and exits with 1", async ({ postgres }) => {
    const databaseUrl = await postgres.createDatabase();
    await postgres.query("CREATE ROLE guest LOGIN PASSWORD 'pa55'");
    const url = postgres.url(new URL(databaseUrl).pathname.slice(1), "guest", "pa55");
    expect(await runHere([], { DATABASE_URL: url })).toEqual({
      code: 1,
      printed: [],
      problems: [expect.stringMatching(/^Cannot migrate: permission denied for database /)],
    });
  });

  test("exits with 1 where nothing listens, and shows no password", async () => {
    const { code, problems } = await runHere([], { DATABASE_URL: `postgres://u:pa55@127.0.0.1:${await freePort()}/d` });
    expect({ code, problems }).toEqual({
      code: 1,
      problems: [expect.stringMatching(/^The database is unavailable: /)],
    });
    expect(problems.join()).not.toContain("pa55");
  });

  test.each<[readonly string[], Readonly<Record<string, string>>, RegExp]>([
    [[], {}, /^- DATABASE_URL: expected .*, got nothing$/m],
    [[], { DATABASE_URL: "postgres://u:pa55@h/d?sslmode=prefer" }, /^- DATABASE_URL: expected .*sslmode=prefer/m],
    [["--print-sql", "--adopt"], {}, /^--adopt: expected no --print-sql with it, got both$/],
    [["pa55"], {}, /^expected --adopt, --print-sql or --help, got another argument$/],
  ])("exits with 2 for %o with %o", async (args, variables, problem) => {
    const { code, problems } = await runHere(args, variables);
    expect({ code, text: problems.join("\n") }).toEqual({ code: 2, text: expect.stringMatching(problem) });
    expect(problems.join()).not.toContain("pa55");
  });

  test("--print-sql prints statements that an empty database accepts", async () => {
    const { code, printed } = await runHere(["--print-sql"]);
    expect(code).toBe(0);
    await using database = await openTestDatabase();
    await database.query(printed.join("\n"));
    expect(
      await database.query(
        "SELECT to_regclass('refundsync.journal') IS NOT NULL AND to_regclass('pgboss.job') IS NOT NULL AS ok",
      ),
    )
      .toEqual([{ ok: true }]);
  });

  test("--help prints the page", async () => {
    expect(await runHere(["--help"])).toMatchObject({ code: 0, printed: [expect.stringContaining("Exit codes")] });
  });
});
