import path from "node:path";

const ROOT = path.resolve(import.meta.dirname ?? "", "..");

/** One line of the JSON log. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface ProcessOptions {
  /** What to run, with its permissions; the launcher unless said. */
  readonly args?: readonly string[];
  /** What runs Deno; Deno itself unless said. */
  readonly command?: readonly [string, ...string[]];
  /** Where; in the checkout unless said. */
  readonly cwd?: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** The command that `deno task start` runs. */
export const START = ["run", "-P=start", "src/start.ts"];

/** The service as a process of its own, on free ports unless the variables say otherwise. */
export async function startProcess(options: ProcessOptions) {
  const { args = START, command: [program, ...before] = [Deno.execPath()], cwd = ROOT, variables } = options;
  const child = new Deno.Command(program, {
    args: [...before, ...args],
    cwd,
    env: { PORT: "0", GRPC_PORT: "0", DAXPAY_SIGN_SECRET: "123456", NO_COLOR: "1", ...variables },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output: string[] = [];
  const errors: string[] = [];
  const ends = [collect(child.stdout, output), collect(child.stderr, errors)];

  const lines = (): Line[] => output.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const ended = child.status.then(async (status) => {
    await Promise.all(ends);
    return status;
  });

  /** Resolves with the first line that is wanted; rejects when the process ends before. */
  async function line(wanted: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = lines().find(wanted);
      if (found) return found;
      const over = await Promise.race([ended.then(() => true), new Promise((resolve) => setTimeout(resolve, 50))]);
      if (over) throw new Error(`The process ended: ${[...output, ...errors].join("\n")}`);
    }
  }

  const listening = await line(({ message }) => message.startsWith("Listening"));
  return {
    http: String(listening.properties.http),
    grpc: String(listening.properties.grpc),
    pid: child.pid,
    lines,
    line,
    /** What the service wrote to standard error, without what Deno itself says of permissions and downloads. */
    errors: () => errors.filter((line) => !/^(Warning|Download|Initialize|Check) /.test(line)),
    ended,
    kill: (signal: Deno.Signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      await ended;
    },
  };
}

/** Runs a command to its end. */
export async function run(args: readonly string[], variables: Readonly<Record<string, string>>) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...variables },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
  if (rest) lines.push(rest);
}
