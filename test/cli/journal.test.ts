import { expect, test } from "vitest";
import { runJournal } from "../../src/cli/journal.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { createStoreGuard, readStoreId } from "../../src/store/identity.ts";
import { createJournal } from "../../src/store/journal.ts";
import { freePort } from "../support/free-port.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { run } from "../support/process.ts";
import { applyTables } from "../support/tables.ts";
import { createRunHere } from "./run-here.ts";

const KEY = "x5Wn0kq9TzR2mLb7Yc4hVd8sPf1jGa3u";
const TASK = ["run", "-P=journal", "src/cli/journal.ts"];

const runHere = createRunHere(runJournal);

postgresTest("journal verifies, finds damage and a cut tail, and prunes", async ({ databaseUrl: url }) => {
  const variables = { DATABASE_URL: url, STORE_JOURNAL_KEY: KEY };
  await using database = openPostgres({
    url,
    maxConnections: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 5_000,
  });
  await applyTables(database);
  expect(await runHere(["verify"], variables)).toEqual({ code: 0, printed: ["Intact: 0 rows"], problems: [] });
  const journal = createJournal({ database, key: KEY, guard: createStoreGuard(await readStoreId(database)) });
  const entry = { account: "default", refundId: 1, kind: "TRACKED", body: "{}" };
  await database.transaction((tx) => journal.append(tx, [entry, entry, entry]));

  const { printed: [head] } = await runHere(["head"], variables);
  expect(head).toMatch(/^3:[0-9a-f]{64}$/);
  const intact = { code: 0, printed: ["Intact: 3 rows", `Head ${head}`], problems: [] };
  expect(await runHere(["verify", "--head", head], variables)).toEqual(intact);
  const { code, stdout, stderr } = await run([...TASK, "verify", "--head", head], variables);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `Intact: 3 rows\nHead ${head}\n`, stderr: "" });

  await database.query("DELETE FROM journal WHERE seq = 3");
  expect(await runHere(["verify"], variables)).toMatchObject({ code: 0, printed: ["Intact: 2 rows", /^Head 2:/] });
  expect(await runHere(["verify", "--head", head], variables)).toEqual({
    code: 1,
    printed: [],
    problems: ["Broken at 3: rows up to 3, as logged, are missing at the end"],
  });
  await database.query("UPDATE journal SET event_time = event_time - interval '2 days' WHERE seq = 1");
  expect(await runHere(["verify"], variables)).toMatchObject({ code: 1, problems: [/^Broken at 1: it was changed/] });
  expect(await runHere(["prune", "--older-than", "1d"], variables)).toMatchObject({
    code: 1,
    problems: [/^Row 1 of the journal: it was changed/],
  });
  await database.query("UPDATE journal SET event_time = event_time + interval '2 days' WHERE seq = 1");
  expect(await runHere(["prune"], { ...variables, STORE_RETENTION: "400d" })).toEqual({
    code: 0,
    printed: [
      "Deleted 0 rows of the journal",
      "Deleted 0 refunds, and all but the numbers of 0 that succeeded or were closed",
    ],
    problems: [],
  });
  expect(await runHere(["verify"], { ...variables, STORE_JOURNAL_KEY: KEY.toLowerCase() })).toMatchObject({
    code: 1,
    problems: [/^Broken at 0: .*STORE_JOURNAL_KEY/],
  });
});

test.each([
  [[], "expected verify, prune, head or --help, got nothing"],
  [["check"], "expected verify, prune, head or --help, got others"],
  [["toString"], "expected verify, prune, head or --help, got others"],
  [
    ["verify", "--head", "3"],
    "--head: expected a number, a colon and 64 hexadecimal digits, as logged, got another text",
  ],
  [["prune", "--older-than", "5"], '--older-than: expected a duration from 1h to 3650d like "400d" (h, d), got "5"'],
  [["head", "--older-than", "5d"], 'expected --help or no arguments, got "--older-than"'],
])("journal rejects the arguments %j", async (args, problem) => {
  expect(await runHere(args)).toEqual({ code: 2, printed: [], problems: [problem] });
});

test("journal rejects an incomplete configuration, and says what is missing", async () => {
  const { code, problems } = await runHere(["verify"]);
  expect(code).toBe(2);
  expect(problems.join("\n")).toMatch(
    /DATABASE_URL: expected .*, got nothing\n- STORE_JOURNAL_KEY: expected .*, got nothing/,
  );
});

test("journal exits with 1 where the database does not answer", async () => {
  const url = `postgres://user@127.0.0.1:${await freePort()}/refunds`;
  const result = await runHere(["head"], { DATABASE_URL: url, STORE_JOURNAL_KEY: KEY });
  expect(result).toMatchObject({ code: 1, problems: [/^The database is unavailable: /] });
});

test("journal prints its help", async () => {
  for (const args of [["--help"], ["verify", "--help"]]) {
    expect(await runHere(args)).toMatchObject({ code: 0, printed: [/--older-than <duration>/], problems: [] });
  }
});
