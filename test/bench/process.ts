import { Buffer } from "node:buffer";

/** A process that the benchmark has started. Deno allows reading /proc only with all permissions. */
export interface Process {
  readonly pid: number;
  /** CPU time of all its threads so far, in milliseconds. */
  cpuMs(): number;
  /** Resident set size in bytes. */
  rss(): number;
  /** The end of its stdout and stderr, for error messages. */
  output(): string;
  stop(): Promise<void>;
}

export interface SpawnOptions {
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder of the files that receive its output, as in production. */
  readonly folder: string;
  readonly name: string;
}

/** Milliseconds from SIGTERM to SIGKILL. */
const STOP_TIMEOUT_MS = 3_000;
const RETRY_DELAY_MS = 4;

const processes = new Set<Process>();

/** Starts a process with its output in files. `stopAll` stops it at the latest. */
export function spawn({ command, env = {}, folder, name }: SpawnOptions): Process {
  const files = [`${folder}/${name}.out`, `${folder}/${name}.err`];
  // The shell replaces itself by the command, so that no pipe has to be read here while the load runs.
  const child = new Deno.Command("sh", {
    args: ["-c", 'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err"', "sh", ...files, ...command],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  /** CPU time by thread, ended ones included: they disappear from /proc. */
  const threads = new Map<string, number>();
  let ended = false;
  child.status.then(() => ended = true);

  const process: Process = {
    pid: child.pid,
    cpuMs() {
      for (const { name } of Deno.readDirSync(`/proc/${child.pid}/task`)) {
        threads.set(name, threadMs(child.pid, name) ?? threads.get(name) ?? 0);
      }
      return threads.values().reduce((sum, ms) => sum + ms, 0);
    },
    rss() {
      const [, kilobytes] = /VmRSS:\s*(\d+)/.exec(Deno.readTextFileSync(`/proc/${child.pid}/status`)) ?? [];
      return Number(kilobytes) * 1024;
    },
    output: () => files.map((file) => tailOf(file)).join("\n"),
    async stop() {
      processes.delete(process);
      if (ended) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => ended || child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      await child.status;
      clearTimeout(timer);
    },
  };
  processes.add(process);
  return process;
}

/** Stops every process that is still running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...processes].map((process) => process.stop()));
}

/** A port that is free now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Retries the work until the process, which may still be starting, lets it succeed. */
export async function retryUntilReady<T>(work: () => Promise<T>, { output }: Process, timeoutMs = 30_000): Promise<T> {
  for (const deadline = performance.now() + timeoutMs;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`expected a response within ${timeoutMs} ms, got none: ${output()}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
    }
  }
}

/** Undefined when the thread has just ended. Reads schedstat, in nanoseconds: /proc/<pid>/stat counts hundredths of a second. */
function threadMs(pid: number, thread: string): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/task/${thread}/schedstat`).split(" ", 1)[0]) / 1e6;
  } catch {
    return undefined;
  }
}

function tailOf(file: string): string {
  const bytes = Deno.readFileSync(file);
  return Buffer.from(bytes.subarray(-2_000)).toString();
}
