import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Client, type QueryResultRow } from "pg";
import { createAuthority } from "./authority.ts";
import { freeFixedPort } from "./free-port.ts";
import {
  copyCluster,
  findPostgres,
  makePostgresFolder,
  postgresAccount,
  postgresCommand,
  SUPERUSER,
} from "./postgres-install.ts";
import { createSteppableClock } from "./steppable-clock.ts";

export { findPostgres } from "./postgres-install.ts";

export interface PostgresOptions {
  /** Whether commits survive a crash of the machine; a crash of PostgreSQL alone they survive anyway. Defaults to false. */
  readonly fsync?: boolean;
  /** Whether TCP is for TLS only. Defaults to false. */
  readonly tls?: boolean;
  /** Whether the cluster's wall clock can be set. Defaults to false. Throws as createSteppableClock(). */
  readonly clock?: boolean;
  /** More settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface Postgres extends AsyncDisposable {
  /** Folder of the cluster, of its Unix socket and of its log. */
  readonly folder: string;
  readonly port: number;
  /** The authority that signed the server's certificate; undefined without TLS. */
  readonly caFile: string | undefined;
  /** The process id of the postmaster; undefined while it is down. */
  readonly pid: number | undefined;
  /** Where TCP, with TLS if it is on, reaches the database. Defaults to the database "postgres" and the superuser. */
  url(database?: string, user?: string, password?: string): string;
  /** The same over the Unix socket, which needs no password. */
  socketUrl(database?: string, user?: string): string;
  /** Creates an empty database, by default under a new name, and returns its url(). */
  createDatabase(name?: string): Promise<string>;
  /** Runs statements as the superuser on a connection of their own. Defaults to the database "postgres". */
  query<Row extends QueryResultRow>(text: string, values?: readonly unknown[], database?: string): Promise<Row[]>;
  /** Sets the cluster's wall clock to this many milliseconds ahead of the system's; negative: behind. */
  setClockOffset(ms: number): void;
  /** Starts it again in the same folder and on the same port, and waits until it has recovered; kill() may interrupt. */
  start(): Promise<void>;
  /** Disconnects every client and stops it as PostgreSQL is meant to be stopped. */
  stop(): Promise<void>;
  /** Kills all of its processes at once with SIGKILL. */
  kill(): Promise<void>;
  /** What the server has logged. */
  log(): string;
}

/**
 * Starts PostgreSQL, stops it when this process ends, however it does, and then removes the folder.
 * Arguments: the folder and the command. Standard input ends with this process.
 */
const SUPERVISOR = `
folder=$1; shift
exec 3<&0
"$@" </dev/null >>"$folder/log" 2>&1 3<&- &
postmaster=$!
(read -r _ <&3; : >"$folder/orphaned"; kill -QUIT $postmaster) >/dev/null 2>&1 &
watcher=$!
echo $postmaster
exec >&-
wait $postmaster
status=$?
kill $watcher 2>/dev/null
[ -e "$folder/orphaned" ] && cd / && rm -rf "$folder"
exit $status
`;

/** How often a new cluster tries another port. */
const MAX_PORTS = 3;
const POLL_MS = 5;

interface Running {
  readonly supervisor: Deno.ChildProcess;
  readonly pid: number;
}

/** Starts a new cluster in a temporary folder. Throws NotFound where PostgreSQL is not installed. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { fsync = false, tls = false } = options;
  const install = findPostgres();
  if (!install) throw new Deno.errors.NotFound("expected PostgreSQL's server, got none");
  const server = path.join(install.bin, "postgres");
  const clock = options.clock ? createSteppableClock() : undefined;
  const folder = makePostgresFolder();
  const data = path.join(folder, "data");
  const logFile = path.join(folder, "log");
  let port = 0;
  let running: Running | undefined;
  let databases = 0;

  function addFile(name: string, text: string): string {
    const file = path.join(folder, name);
    Deno.writeTextFileSync(file, text, { mode: 0o600 });
    const account = postgresAccount();
    if (account) Deno.chownSync(file, account.uid, account.gid);
    return file;
  }

  async function tlsSettings() {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue("localhost");
    return {
      caFile: authority.caFile,
      settings: { ssl: "on", ssl_cert_file: addFile("server.pem", cert), ssl_key_file: addFile("server.key", key) },
    };
  }

  async function launch(settings: Readonly<Record<string, string>>): Promise<void> {
    if (running) throw new Error("expected a cluster that is down, got one that runs");
    const values = Object.entries({ ...settings, port: String(port) }).map(([name, value]) => `--${name}=${value}`);
    const command = postgresCommand(folder);
    const supervisor = new Deno.Command("sh", {
      ...command,
      args: ["-c", SUPERVISOR, "sh", folder, server, "-D", data, ...values],
      env: { ...command.env, ...clock?.variables },
      // Signals to this process's group are not for it: it ends after this process.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    supervisor.unref();
    const pid = Number(await new Response(supervisor.stdout).text());
    const started: Running = { supervisor, pid };
    running = started;
    supervisor.status.then(() => {
      if (running === started) running = undefined;
    });
    while (!isReady(data, pid)) {
      if (running !== started) throw new Error(`PostgreSQL exited: ${readFileSync(logFile, "utf8")}`);
      await delay(POLL_MS);
    }
  }

  async function end(work: (pid: number) => void): Promise<void> {
    if (!running) return;
    const { supervisor, pid } = running;
    running = undefined;
    supervisor.ref();
    work(pid);
    await supervisor.status;
  }

  async function query<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    database = "postgres",
  ): Promise<Row[]> {
    const client = new Client({ host: folder, port, database, ...SUPERUSER });
    // Without a listener a connection that breaks between two events would end the process.
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<Row>(text, values.length > 0 ? [...values] : undefined)).rows;
    } finally {
      await client.end();
    }
  }

  async function remove(): Promise<void> {
    await end((pid) => Deno.kill(pid, "SIGQUIT"));
    Deno.removeSync(folder, { recursive: true });
    clock?.[Symbol.dispose]();
  }

  try {
    await copyCluster(install, data);
    const encryption = tls ? await tlsSettings() : undefined;
    const settings: Readonly<Record<string, string>> = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: folder,
      hba_file: addFile(
        "pg_hba.conf",
        `local all all trust\n${tls ? "hostssl" : "host"} all all 127.0.0.1/32 scram-sha-256\n`,
      ),
      max_connections: "100",
      shared_buffers: "16MB",
      // Inside the folder, where a kill leaves nothing behind.
      dynamic_shared_memory_type: "mmap",
      fsync: fsync ? "on" : "off",
      synchronous_commit: "on",
      timezone: "UTC",
      log_timezone: "UTC",
      ...encryption?.settings,
      ...options.settings,
    };
    for (let attempt = 1; !running; attempt++) {
      port = await freeFixedPort();
      await launch(settings).catch((error) => {
        if (attempt === MAX_PORTS || !String(error).includes("Address already in use")) throw error;
      });
    }

    const url = (database = "postgres", user: string = SUPERUSER.user, password: string = SUPERUSER.password) => {
      const account = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
      return `postgres://${account}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    };
    return {
      folder,
      port,
      caFile: encryption?.caFile,
      get pid() {
        return running?.pid;
      },
      url,
      socketUrl: (database = "postgres", user = SUPERUSER.user) =>
        `postgres://${encodeURIComponent(user)}@${encodeURIComponent(folder)}:${port}/${encodeURIComponent(database)}`,
      query,
      async createDatabase(name = `test_${++databases}`) {
        await query(`CREATE DATABASE "${name.replaceAll('"', '""')}"`);
        return url(name);
      },
      setClockOffset(ms) {
        if (!clock) throw new Error("expected the option clock, got none");
        clock.set(ms);
      },
      start: () => launch(settings),
      stop: () => end((pid) => Deno.kill(pid, "SIGINT")),
      async kill() {
        let backends: number[] = [];
        await end((pid) => {
          // Stopped, it neither replaces nor reaps one; alive, it makes none say goodbye to its client.
          Deno.kill(pid, "SIGSTOP");
          backends = childrenOf(pid);
          for (const each of [...backends, pid]) Deno.kill(each, "SIGKILL");
        });
        while (backends.some(isAlive)) await delay(POLL_MS);
      },
      log: () => readFileSync(logFile, "utf8"),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Whether the postmaster accepts connections: its last line in postmaster.pid, which an earlier one may have left, says so. */
function isReady(data: string, pid: number): boolean {
  const file = path.join(data, "postmaster.pid");
  if (!existsSync(file)) return false;
  const lines = readFileSync(file, "utf8").split("\n").map((line) => line.trim());
  return lines[0] === String(pid) && lines[7] === "ready";
}

/** Where there is no /proc, none: PostgreSQL's processes end by themselves soon after the postmaster. */
function childrenOf(pid: number): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, "utf8").split(" ").filter(Boolean).map(Number) : [];
}

function isAlive(pid: number): boolean {
  try {
    // After the name, which may hold anything: the state.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
