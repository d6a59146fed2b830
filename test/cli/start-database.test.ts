import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { permissionsFor } from "../../src/cli/start.ts";
import { readConfig } from "../../src/config/read.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { run, startProcess } from "../support/process.ts";

const KEY = "gfzUAXtbXuCu8wO9Z7ns6V0bb3oCc3kq";
const folder = mkdtempSync(path.join(tmpdir(), "start-database-"));
const CONFIG = path.resolve(import.meta.dirname ?? "", "../../deno.json");
const src = (file: string) => pathToFileURL(path.resolve(import.meta.dirname ?? "", "../../src", file)).href;

/** Uses the database as the service does, and prints what failed. */
const probe = path.join(folder, "probe.ts");
writeFileSync(
  probe,
  `import { checkStore } from "${src("store/check.ts")}";
   import { openPostgres } from "${src("store/postgres.ts")}";
   import { startQueue } from "${src("store/queue.ts")}";
   const failed = [];
   try {
     const options = { maxConnections: 2, connectTimeoutMs: 3000, statementTimeoutMs: 5000 };
     await using database = openPostgres({ ...options, url: Deno.env.get("DATABASE_URL") });
     const { promise, resolve } = Promise.withResolvers();
     await using listening = database.listen(resolve, () => {});
     await checkStore(database);
     const boss = await startQueue(database, { onError: (error) => failed.push(error.message) });
     await boss.send("refund", {}, { singletonKey: "1" });
     await boss.fetch("refund");
     const sent = setInterval(() => database.query("SELECT pg_notify('refundsync', '')"), 50);
     await promise;
     clearInterval(sent);
     await boss.stop({ graceful: false });
   } catch (error) {
     failed.push(error.message);
   }
   console.log(JSON.stringify(failed));
   Deno.exit();`,
);

function permissionsWith(databaseUrl: string): string[] {
  const variables: Record<string, string> = {
    DAXPAY_URL: "http://127.0.0.1:9",
    DAXPAY_RELEASE: "2.0.8",
    DAXPAY_SIGN_SECRET: "123456",
    DATABASE_URL: databaseUrl,
    STORE_JOURNAL_KEY: KEY,
  };
  const env = (name: string) => variables[name];
  const result = readConfig({ env, readFile: () => "", isTerminal: false });
  if (result.kind === "invalid") throw new Error(result.problems.join());
  return permissionsFor(result.config, env);
}

/** What failed in a process with these permissions. pg would obey the PG* variables, if it could read them. */
async function failuresWith(permissions: readonly string[], url: string): Promise<readonly string[]> {
  const variables = { DATABASE_URL: url, PGBINARY: "1", PGREPLICATION: "database", PGOPTIONS: "-c search_path=x" };
  const { stdout, stderr } = await run(["run", `--config=${CONFIG}`, ...permissions, probe], variables);
  return JSON.parse(stdout || JSON.stringify([stderr]));
}

async function migrateAt(url: string): Promise<void> {
  await using database = openPostgres({ url, maxConnections: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 30_000 });
  await migrate(database);
}

describe("permissionsFor()", () => {
  test("grants nothing of the database's without one", () => {
    const env = (name: string) => ({ DAXPAY_URL: "http://h", DAXPAY_RELEASE: "2.0.8", DAXPAY_SIGN_SECRET: "1" })[name];
    const result = readConfig({ env, readFile: () => "", isTerminal: false });
    if (result.kind === "invalid") throw new Error(result.problems.join());
    const flags = permissionsFor(result.config, env);
    expect(flags.filter((flag) => /^--allow-(sys|write)/.test(flag))).toEqual([]);
    expect(flags.find((flag) => flag.startsWith("--allow-net="))).toBe(
      "--allow-net=127.0.0.1:8080,127.0.0.1:9090,h:80",
    );
  });

  postgresTest("grants exactly what the database and its queue need, over TCP", async ({ databaseUrl }) => {
    await migrateAt(databaseUrl);
    const flags = permissionsWith(databaseUrl);
    const { host } = new URL(databaseUrl);
    expect(flags.filter((flag) => flag.startsWith("--allow-write"))).toEqual([]);
    expect(await failuresWith(flags, databaseUrl)).toEqual([]);
    const without = (text: string) => flags.map((flag) => flag.replace(text, ""));
    for (
      const [removed, failure] of [
        [`,${host}`, /net access to "127\.0\.0\.1:\d+"/],
        [",PGBINARY", /env access to "PGBINARY"/],
        [",PGREPLICATION", /env access to "PGREPLICATION"/],
        ["hostname,", /sys access to "hostname"/],
        [",systemMemoryInfo", /sys access to "systemMemoryInfo"/],
      ] as const
    ) {
      expect(without(removed), removed).not.toEqual(flags);
      expect((await failuresWith(without(removed), databaseUrl)).join(), removed).toMatch(failure);
    }
  });

  postgresTest("grants exactly what the database needs, over its Unix socket", async ({ postgres }) => {
    const databaseUrl = await postgres.createDatabase();
    await migrateAt(databaseUrl);
    const url = postgres.socketUrl(new URL(databaseUrl).pathname.slice(1));
    const socket = `${postgres.folder}/.s.PGSQL.${postgres.port}`;
    const flags = permissionsWith(url);
    expect(flags).toContain(`--allow-write=${socket}`);
    expect(flags.find((flag) => flag.startsWith("--allow-net="))).toMatch(new RegExp(`,unix:${socket}$`));
    expect(flags.find((flag) => flag.startsWith("--allow-read="))).toMatch(new RegExp(`,${socket}$`));
    expect(await failuresWith(flags, url)).toEqual([]);
  });

  test("throws for a socket with a comma, which would be split in two", () => {
    expect(() => permissionsWith("postgres://u@/d?host=/a,b")).toThrow(
      /^DATABASE_URL: expected a path without a comma/,
    );
  });
});

postgresTest("deno task start runs with a database, whose URL is in a file", async ({ databaseUrl }) => {
  await migrateAt(databaseUrl);
  const file = path.join(folder, "url");
  writeFileSync(file, databaseUrl);
  await using service = await startProcess({
    variables: { DAXPAY_URL: "http://127.0.0.1:9", DATABASE_URL_FILE: file, STORE_JOURNAL_KEY: KEY },
  });
  service.kill("SIGTERM");
  expect(await service.ended).toMatchObject({ code: 0 });
  expect(service.errors()).toEqual([]);
});
