import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { readConfig } from "../../src/config/read.ts";
import { readDatabase } from "../../src/config/store.ts";
import { VARIABLE_NAMES } from "../../src/config/variables.ts";
import { checkStore } from "../../src/store/check.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { parseDatabaseUrl } from "../../src/util/database-url.ts";
import { findPostgres } from "../support/postgres.ts";
import { postgresTest } from "../support/postgres-test.ts";
import { startProcess } from "../support/process.ts";
import { buildImage, type Image } from "./image.ts";

// deno-lint-ignore no-explicit-any -- a manifest is looked at member by member
type Manifest = any;

const DEPLOY = path.resolve(import.meta.dirname ?? "", "../../deploy");
const text = readFileSync(path.join(DEPLOY, "compose.yaml"), "utf8");
const { services, secrets, configs, networks }: Manifest = parse(text, { merge: true });
const { service, migrate, database } = services;
const SECRET_FOLDER = "/run/secrets/";

/** The commands of the file's first comment, which write the secrets, up to the one that asks for input. */
const COMMANDS = text.split("\n").filter((line) => line.startsWith("#   ")).map((line) => line.slice(4))
  .map((line) => line.startsWith("cat > sign-secret") ? "echo 123456 > sign-secret" : line);

let folder = "";
let image: Image;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "compose-"));
  const { status, stderr } = spawnSync("sh", ["-ec", COMMANDS.join("\n")], { cwd: folder, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  image = buildImage();
});
afterAll(() => image.remove());

/** Text of a secret that the container has. */
function secretOf({ secrets: names }: Manifest, file: string): string {
  expect(file.startsWith(SECRET_FOLDER)).toBe(true);
  const name = file.slice(SECRET_FOLDER.length);
  expect(names).toContain(name);
  return readFileSync(path.join(folder, secrets[name].file), "utf8");
}

const sourceOf = (container: Manifest, variables: Readonly<Record<string, string>>) => ({
  env: (name: string) => variables[name],
  readFile: (file: string) => secretOf(container, file),
  isTerminal: false,
});

test("compose.yaml's service and migration are configured for the same database, by the secrets of its comment", () => {
  expect(
    Object.keys({ ...service.environment, ...migrate.environment }).filter((name) => !VARIABLE_NAMES.includes(name)),
  )
    .toEqual([]);
  const result = readConfig(sourceOf(service, { ...image.variables, ...service.environment }));
  if (result.kind === "invalid") throw new Error(result.problems.join("\n"));
  const migration = readDatabase(sourceOf(migrate, migrate.environment));
  if (migration.kind === "invalid") throw new Error(migration.problems.join("\n"));
  const [own, owner] = [result.config.store?.url ?? "", migration.database.url].map(parseDatabaseUrl);
  expect(own).toEqual({
    ...owner,
    user: "refundsync_service",
    password: secretOf(database, "/run/secrets/service-password").trim(),
  });
  expect(owner).toMatchObject({
    host: "database",
    user: "refundsync_owner",
    password: secretOf(database, "/run/secrets/owner-password").trim(),
    database: database.environment.POSTGRES_DB,
  });
  // Every secret is used, and only by whom it is for.
  expect(Object.keys(secrets).sort()).toEqual(
    [...new Set([service, migrate, database].flatMap(({ secrets }) => secrets))].sort(),
  );
  expect(service.secrets).not.toContain("owner-url");
});

test("compose.yaml's containers start in order, and only the service is reached from outside", () => {
  expect(service.depends_on).toEqual({
    migrate: { condition: "service_completed_successfully" },
    database: { condition: "service_healthy" },
  });
  expect(migrate.depends_on).toEqual({ database: { condition: "service_healthy" } });
  for (const { image, build } of [service, migrate]) {
    expect([image, build]).toEqual([`${manifest.name}:${manifest.version}`, ".."]);
  }
  expect([database.ports, migrate.ports]).toEqual([undefined, undefined]);
  expect(service.ports).toEqual(image.ports.map((port) => `127.0.0.1:${port}:${port}`));
  expect(networks.database).toEqual({ internal: true });
  expect([database.networks, migrate.networks]).toEqual([["database"], ["database"]]);
  expect(configs.roles.file).toBe("roles.sql");
});

postgresTest("compose.yaml's database, migration and service work together", async ({ postgres }) => {
  await postgres.createDatabase("refundsync");
  // The image runs these scripts by psql, in the order of their names.
  const scripts = database.configs.map(({ source, target }: Manifest) => ({ target, config: configs[source] }))
    .sort((a: Manifest, b: Manifest) => a.target < b.target ? -1 : 1);
  for (const { target, config } of scripts) {
    expect(path.dirname(target)).toBe("/docker-entrypoint-initdb.d");
    const script = config.content?.replaceAll(SECRET_FOLDER, `${folder}/secrets/`) ??
      readFileSync(path.join(DEPLOY, config.file), "utf8");
    const psql = path.join(findPostgres()?.bin ?? "", "psql");
    const args = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", postgres.socketUrl("refundsync")];
    const { status, stderr } = spawnSync(psql, args, { input: script, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  }
  const urlOf = (container: Manifest): string => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), "url-")), "url");
    const url = secretOf(container, container.environment.DATABASE_URL_FILE);
    writeFileSync(file, url.replace("@database/", `@127.0.0.1:${postgres.port}/`));
    return file;
  };

  const [program, ...before] = image.command;
  const [deno, ...args] = migrate.entrypoint;
  expect(deno).toBe("deno");
  const migrated = await new Deno.Command(program, {
    args: [...before, ...args],
    cwd: image.folder,
    env: { ...image.variables, ...migrate.environment, DATABASE_URL_FILE: urlOf(migrate) },
  }).output();
  expect({ code: migrated.code, text: new TextDecoder().decode(migrated.stdout) })
    .toMatchObject({ code: 0, text: expect.stringMatching(/^Applied .*\nStore [0-9a-f-]{36}\n$/s) });

  const file = urlOf(service);
  {
    const url = readFileSync(file, "utf8").trim();
    await using opened = openPostgres({ url, maxConnections: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 5_000 });
    await checkStore(opened);
  }
  const own = (name: string) => service.environment[name].replace(SECRET_FOLDER, `${folder}/secrets/`);
  await using running = await startProcess({
    command: image.command,
    args: image.args,
    cwd: image.folder,
    variables: {
      ...image.variables,
      ...service.environment,
      DAXPAY_URL: "http://127.0.0.1:9",
      DAXPAY_SIGN_SECRET: "",
      DAXPAY_SIGN_SECRET_FILE: own("DAXPAY_SIGN_SECRET_FILE"),
      AUTH_TOKENS_FILE: own("AUTH_TOKENS_FILE"),
      STORE_JOURNAL_KEY_FILE: own("STORE_JOURNAL_KEY_FILE"),
      DATABASE_URL_FILE: file,
      HOST: "127.0.0.1",
    },
  });
  const [kind, healthProgram, ...healthArgs] = service.healthcheck.test;
  expect([kind, healthProgram]).toEqual(["CMD", "deno"]);
  const healthOf = async (port: string) => {
    const probe = healthArgs.map((arg: string) => arg.replace("8080", port));
    const { code } = await new Deno.Command(program, { args: [...before, ...probe], cwd: image.folder, stderr: "null" })
      .output();
    return code;
  };
  expect(await healthOf(new URL(running.http).port)).toBe(0);
  running.kill("SIGTERM");
  expect(await running.ended).toMatchObject({ code: 0 });
  expect(await healthOf(new URL(running.http).port)).toBe(1);
}, 30_000);
