import path from "node:path";

const ROOT = path.resolve(import.meta.dirname ?? "", "../..");

/** A line of the JSON log. */
export interface Line {
  readonly level: string;
  readonly message: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface ProcessOptions {
  /** Arguments of Deno. Defaults to START. */
  readonly args?: readonly string[];
  /** Defaults to Deno itself. */
  readonly command?: readonly [string, ...string[]];
  /** Defaults to the checkout. */
  readonly cwd?: string;
  /** Whether it gets a process group of its own. Defaults to false. */
  readonly detached?: boolean;
  readonly variables: Readonly<Record<string, string>>;
}

/** The command that `deno task start` runs. */
export const START = ["run", "-P=start", "src/cli/start.ts"];

/** Starts the service as a process of its own, by default on free ports. */
export async function startProcess(options: ProcessOptions) {
  const { args = START, command: [program, ...before] = [Deno.execPath()], cwd = ROOT, detached, variables } = options;
  const child = new Deno.Command(program, {
    args: [...before, ...args],
    cwd,
    detached,
    env: {
      PORT: "0",
      GRPC_PORT: "0",
      DAXPAY_RELEASE: "documented",
      DAXPAY_SIGN_SECRET: "123456",
      DAXPAY_CHECK: "off",
      NO_COLOR: "1",
      ...variables,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output: string[] = [];
  const errors: string[] = [];
  let { promise: reading, resolve: resumeOutput } = Promise.withResolvers<void>();
  resumeOutput();
  const ends = [collect(child.stdout, output, () => reading), collect(child.stderr, errors)];

  const lines = (): Line[] => output.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const ended = child.status.then(async (status) => {
    await Promise.all(ends);
    return status;
  });

  /** Resolves with the first line that matches; rejects when the process exits before. */
  async function line(matches: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = lines().find(matches);
      if (found) return found;
      const exited = await Promise.race([ended.then(() => true), new Promise((resolve) => setTimeout(resolve, 50))]);
      if (exited) throw new Error(`The process exited: ${[...output, ...errors].join("\n")}`);
    }
  }

  const listening = await line(({ message }) => message.startsWith("Listening"));
  return {
    http: String(listening.properties.http),
    grpc: String(listening.properties.grpc),
    pid: child.pid,
    lines,
    line,
    /** Standard error of the service. */
    errors: () => errors.filter(isNotDenos),
    ended,
    /** Leaves standard output unread, so that its pipe fills, until the returned function is called. */
    pauseOutput(): () => void {
      ({ promise: reading, resolve: resumeOutput } = Promise.withResolvers<void>());
      return resumeOutput;
    },
    kill: (signal: Deno.Signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has exited already.
      }
      resumeOutput();
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
  return { code, stdout: text(stdout), stderr: text(stderr).split("\n").filter(isNotDenos).join("\n") };
}

/** Whether the line is none of Deno's own about tasks, permissions and downloads. */
function isNotDenos(line: string): boolean {
  return !/^(Task|Warning|Download|Initialize|Check|Blocking) /.test(line);
}

async function collect(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  lines: string[],
  mayRead?: () => Promise<void>,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    await mayRead?.();
  }
  if (rest) lines.push(rest);
}
