import { Buffer } from "node:buffer";

/** A program that the benchmark runs beside itself. Deno lets only those read /proc that may do everything. */
export interface Running {
  readonly pid: number;
  /** CPU time of all its threads so far, in milliseconds. */
  cpuMs(): number;
  /** Memory that it has in RAM, in bytes. */
  rss(): number;
  /** Its last words, for when it fails. */
  words(): string;
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its output goes; a file, as in production. */
  readonly folder: string;
  readonly name: string;
}

/** Milliseconds to stop in before it is killed. */
const STOP_MS = 3_000;

const running = new Set<Running>();

/** Starts a program with its output in files. It ends with the benchmark at the latest. */
export function run({ command, env = {}, folder, name }: RunOptions): Running {
  const files = [`${folder}/${name}.out`, `${folder}/${name}.err`];
  // The shell gives its place to the program, so that no pipe has to be read here while the load runs.
  const child = new Deno.Command("sh", {
    args: ["-c", 'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err"', "sh", ...files, ...command],
    env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  /** CPU time of every thread that was ever seen, since an ended one leaves /proc. */
  const threads = new Map<string, number>();
  let ended = false;
  child.status.then(() => ended = true);

  const program: Running = {
    pid: child.pid,
    cpuMs() {
      // The first number of each thread's schedstat: nanoseconds on a CPU. /proc/<pid>/stat counts hundredths of a second.
      for (const { name } of Deno.readDirSync(`/proc/${child.pid}/task`)) {
        threads.set(name, threadMs(child.pid, name) ?? threads.get(name) ?? 0);
      }
      return threads.values().reduce((sum, ms) => sum + ms, 0);
    },
    rss() {
      const [, kilobytes] = /VmRSS:\s*(\d+)/.exec(Deno.readTextFileSync(`/proc/${child.pid}/status`)) ?? [];
      return Number(kilobytes) * 1024;
    },
    words: () => files.map((file) => tailOf(file)).join("\n"),
    async stop() {
      running.delete(program);
      if (ended) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => ended || child.kill("SIGKILL"), STOP_MS);
      await child.status;
      clearTimeout(timer);
    },
  };
  running.add(program);
  return program;
}

/** Stops whatever still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop()));
}

/** A port that nothing listens on now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Tries until the work succeeds, which a program that has just started makes it do sooner or later. */
export async function until<T>(work: () => Promise<T>, { words }: Running, timeoutMs = 30_000): Promise<T> {
  for (const deadline = performance.now() + timeoutMs;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`No answer in ${timeoutMs} ms: ${words()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  }
}

function threadMs(pid: number, thread: string): number | undefined {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/task/${thread}/schedstat`).split(" ", 1)[0]) / 1e6;
  } catch {
    return undefined; // has just ended
  }
}

function tailOf(file: string): string {
  const bytes = Deno.readFileSync(file);
  return Buffer.from(bytes.subarray(-2_000)).toString();
}
