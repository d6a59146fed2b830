import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

export interface PostgresInstall {
  /** Folder of initdb and postgres. */
  readonly bin: string;
  /** As "postgres --version" prints it. */
  readonly version: string;
}

/** The name and the password of every test cluster's superuser. */
export const SUPERUSER = { user: "postgres", password: "superuser's password" } as const;

const DEBIAN = "/usr/lib/postgresql";
const INITDB = [
  `--username=${SUPERUSER.user}`,
  "--encoding=UTF8",
  "--no-locale",
  "--auth=scram-sha-256",
  "--no-sync",
  // Megabytes; a cluster is copied faster without the usual 16.
  "--wal-segsize=1",
];

let found: { readonly install: PostgresInstall | undefined } | undefined;

/** The newest PostgreSQL server of this machine; undefined if there is none. */
export function findPostgres(): PostgresInstall | undefined {
  found ??= { install: search() };
  return found.install;
}

function search(): PostgresInstall | undefined {
  const newestFirst = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    output("pg_config", ["--bindir"]),
    ...newestFirst.map((version) => path.join(DEBIAN, version, "bin")),
    ...(process.env.PATH ?? "").split(path.delimiter),
  ];
  for (const bin of folders) {
    // pg_config alone comes with the client's headers.
    if (!bin || !existsSync(path.join(bin, "initdb"))) continue;
    const version = output(path.join(bin, "postgres"), ["--version"]);
    if (version) return { bin, version };
  }
  return undefined;
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

let account: Account | undefined;

/** The user that runs PostgreSQL, which refuses to run as root; undefined: this process's own. */
export function postgresAccount(): Account | undefined {
  if (Deno.uid() !== 0) return undefined;
  account ??= debianAccount();
  return account;
}

function debianAccount(): Account {
  const [uid, gid] = [output("id", ["-u", "postgres"]), output("id", ["-g", "postgres"])];
  if (!uid || !gid) throw new Error('expected a user "postgres", as root may not run PostgreSQL, got none');
  return { uid: Number(uid), gid: Number(gid) };
}

/** A new folder that belongs to the user that runs PostgreSQL. Its name is short: a socket's path may have 107 bytes. */
export function makePostgresFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "pg-" });
  const owner = postgresAccount();
  if (owner) Deno.chownSync(folder, owner.uid, owner.gid);
  return folder;
}

/** How programs of PostgreSQL are started: by their user, and without the environment's PG variables. */
export function postgresCommand(folder: string): Deno.CommandOptions {
  return {
    ...postgresAccount(),
    cwd: folder,
    clearEnv: true,
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" },
    stdin: "null",
  };
}

/** Copies a new cluster to the folder. The first call of a version makes it, the later ones, of other runs too, find it. */
export async function copyCluster({ bin, version }: PostgresInstall, target: string): Promise<void> {
  const uid = postgresAccount()?.uid ?? Deno.uid();
  const key = [version, ...INITDB].join(" ").replace(/[^\w.]+/g, "-");
  const template = path.join(tmpdir(), `postgres-template-${uid}-${key}`);
  if (!isCluster(template)) await createTemplate(bin, template);
  const owner = Deno.lstatSync(template).uid;
  if (owner !== uid) throw new Error(`expected ${template} of user ${uid}, got user ${owner}`);
  await run("cp", ["-R", template, target], path.dirname(target));
}

async function createTemplate(bin: string, template: string): Promise<void> {
  const folder = makePostgresFolder();
  try {
    const passwordFile = path.join(folder, "password");
    Deno.writeTextFileSync(passwordFile, SUPERUSER.password);
    const data = path.join(folder, "data");
    await run(path.join(bin, "initdb"), [...INITDB, `--pwfile=${passwordFile}`, `--pgdata=${data}`], folder);
    // Empty folders: a system that deletes old temporary files leaves them.
    if (existsSync(template) && !isCluster(template)) Deno.removeSync(template, { recursive: true });
    try {
      Deno.renameSync(data, template);
    } catch (error) {
      // Another process was first.
      if (!isCluster(template)) throw error;
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function isCluster(folder: string): boolean {
  return existsSync(path.join(folder, "PG_VERSION"));
}

async function run(program: string, args: string[], folder: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, { ...postgresCommand(folder), args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${text(stderr)}${text(stdout)}`);
}

/** Standard output of a program; undefined if it is missing or fails. */
function output(program: string, args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(program, { args, stderr: "null" }).outputSync();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
