import { fileURLToPath } from "node:url";
import { readConfig } from "../../src/config/read.ts";
import { permissionsFor } from "../../src/cli/start.ts";
import type { Protocol, Target } from "./load/caller.ts";
import { openCallers } from "./load/caller.ts";
import { freePort, run, type Running, until } from "./process.ts";

export const CONTENDERS = ["service", "floor", "fastify", "deno"] as const;
export type Contender = typeof CONTENDERS[number];

interface Kind {
  /** What reports call it. */
  readonly title: string;
  readonly protocols: readonly Protocol[];
  command(place: Place): readonly [string, ...string[]];
  env?(place: Place): Readonly<Record<string, string>>;
}

/** Where a contender lives, and whom it asks. */
interface Place {
  readonly port: number;
  readonly grpcPort: number;
  readonly upstream: string;
  readonly tokensFile: string;
  /** More of the runtime's. */
  readonly flags: readonly string[];
}

export interface Started extends Target {
  readonly contender: Contender;
  readonly process: Running;
  /** Undefined unless it was asked for. */
  readonly inspectorPort: number | undefined;
}

export interface StartOptions {
  /** Address of the sandbox. */
  readonly upstream: string;
  /** For logs, and the tokens. */
  readonly folder: string;
  readonly inspect?: boolean;
  /** More flags for the runtime. */
  readonly flags?: readonly string[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const SANDBOX = fileURLToPath(new URL("../../src/cli/sandbox.ts", import.meta.url));
export const TOKEN = "bench-0123456789abcdef0123456789abcdef";

/** What the service reads; everything that it can do is on, and its budget out of the way. */
const variables = ({ port, grpcPort, upstream, tokensFile }: Place): Readonly<Record<string, string>> => ({
  DAXPAY_URL: upstream,
  DAXPAY_RELEASE: "2.0.8",
  DAXPAY_SIGN_SECRET: "123456",
  DAXPAY_RATE: "100000",
  DAXPAY_CONCURRENCY: "1000",
  DAXPAY_CHECK: "off",
  PORT: String(port),
  GRPC_PORT: String(grpcPort),
  AUTH_TOKENS_FILE: tokensFile,
  WATCH_SCHEDULE: "1h",
  MAX_CONNECTIONS: "20000",
  LOG_FORMAT: "json",
});

/** The service's own least permissions, so that they count as well. */
function permissions(place: Place): readonly string[] {
  const env = (name: string) => variables(place)[name];
  const result = readConfig({ env, readFile: (path) => Deno.readTextFileSync(path), isTerminal: false });
  if (result.kind === "invalid") throw new RangeError(result.problems.join("; "));
  return permissionsFor(result.config, env);
}

const KINDS: Readonly<Record<Contender, Kind>> = {
  service: {
    title: "this service",
    protocols: ["gRPC", "Connect h2", "Connect JSON"],
    command: (place) => [Deno.execPath(), "run", ...place.flags, ...permissions(place), MAIN],
    env: variables,
  },
  floor: {
    title: "floor: bare connect-node and ky",
    protocols: ["gRPC", "Connect h2", "Connect JSON"],
    command: ({ port, grpcPort, upstream, flags }) => {
      const net = [`127.0.0.1:${port}`, `127.0.0.1:${grpcPort}`, new URL(upstream).host].join(",");
      const file = `${HERE}contender/floor.ts`;
      return [
        Deno.execPath(),
        "run",
        ...flags,
        "--no-prompt",
        `--allow-net=${net}`,
        file,
        `${port}`,
        `${grpcPort}`,
        upstream,
      ];
    },
  },
  fastify: {
    title: "Fastify and axios on Node",
    protocols: ["REST"],
    command: ({ port, upstream, flags }) => [
      "node",
      ...flags,
      `${HERE}contender/fastify.mjs`,
      `${port}`,
      upstream,
      TOKEN,
    ],
  },
  deno: {
    title: "Deno.serve and fetch",
    protocols: ["REST"],
    command: ({ port, upstream, flags }) => {
      const net = [`127.0.0.1:${port}`, new URL(upstream).host].join(",");
      const file = `${HERE}contender/deno.ts`;
      return [Deno.execPath(), "run", ...flags, "--no-prompt", `--allow-net=${net}`, file, `${port}`, upstream, TOKEN];
    },
  },
};

export const titleOf = (contender: Contender): string => KINDS[contender].title;
export const protocolsOf = (contender: Contender): readonly Protocol[] => KINDS[contender].protocols;

let runs = 0;

/** Starts a contender; it may not listen yet. */
export function launch(contender: Contender, { upstream, folder, inspect = false, flags = [] }: StartOptions): Started {
  const [port, grpcPort] = [freePort(), freePort()];
  const inspectorPort = inspect ? freePort() : undefined;
  const tokensFile = `${folder}/tokens`;
  Deno.writeTextFileSync(tokensFile, `bench ${TOKEN}\n`);
  const { command, env, protocols } = KINDS[contender];
  const place: Place = {
    port,
    grpcPort,
    upstream,
    tokensFile,
    flags: inspectorPort === undefined ? flags : [`--inspect=127.0.0.1:${inspectorPort}`, ...flags],
  };
  const process = run({ command: command(place), env: env?.(place), folder, name: `${contender}-${runs++}` });
  return {
    contender,
    process,
    port,
    grpcPort: protocols.includes("gRPC") ? grpcPort : undefined,
    token: TOKEN,
    inspectorPort,
  };
}

/** Resolves when the contender has answered its first call rightly. */
export async function answering(started: Started): Promise<void> {
  const protocol = KINDS[started.contender].protocols.includes("REST") ? "REST" : "Connect JSON";
  await until(async () => {
    const callers = await openCallers(1, protocol, started);
    try {
      await callers.sync(0, nextRefund());
    } finally {
      callers.close();
    }
  }, started.process);
}

/** A DaxPay whose channel takes so long, in a process of its own. */
export async function startUpstream(latencyMs: number, folder: string): Promise<{ url: string; process: Running }> {
  const port = freePort();
  const args = ["--release", "2.0.8", "--port", `${port}`, "--latency", `${latencyMs}`];
  const process = run({
    command: [Deno.execPath(), "run", "--no-prompt", `--allow-net=127.0.0.1:${port}`, SANDBOX, ...args],
    folder,
    name: `upstream-${latencyMs}`,
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => void await (await fetch(`${url}/sandbox/requests`)).body?.cancel(), process);
  return { url, process };
}

const digits = 18;
let refunds = Date.now() * 1000;

/** A number that nobody has asked for yet; always of the same length. */
export function nextRefund(family = "LOAD"): string {
  return `${family}-${String(refunds++).padStart(digits, "0")}`;
}
