import { fileURLToPath } from "node:url";
import { permissionsFor } from "../../src/cli/start.ts";
import { readConfig } from "../../src/config/read.ts";
import { SANDBOX_VARIABLES } from "../../src/config/sandbox.ts";
import type { QueryMode } from "../../src/refund/query-mode.ts";
import { openCallers, type Protocol, type Target } from "./load/callers.ts";
import { freePort, type Process, retryUntilReady, spawn } from "./process.ts";
import type { Upstream } from "./upstream.ts";

export const CONTENDERS = ["service", "baseline", "fastify", "deno"] as const;
export type Contender = typeof CONTENDERS[number];

interface ContenderSpec {
  /** Name in reports. */
  readonly title: string;
  readonly protocols: readonly Protocol[];
  command(context: LaunchContext): readonly [string, ...string[]];
  env?(context: LaunchContext): Readonly<Record<string, string>>;
}

/** Addresses and settings of one process. */
interface LaunchContext {
  readonly port: number;
  readonly grpcPort: number;
  readonly upstream: Upstream;
  readonly queryMode: QueryMode;
  readonly tokensFile: string;
  /** Additional flags of the runtime. */
  readonly flags: readonly string[];
}

/** A contender's process. */
export interface Running extends Target {
  readonly contender: Contender;
  readonly process: Process;
  /** Undefined unless launched with `inspect`. */
  readonly inspectorPort: number | undefined;
}

export interface LaunchOptions {
  readonly upstream: Upstream;
  /** DAXPAY_QUERY of the service. The other contenders send the sync alone. */
  readonly queryMode: QueryMode;
  /** Folder of logs and the tokens file. */
  readonly folder: string;
  /** Whether to open V8's inspector; false unless set. */
  readonly inspect?: boolean;
  /** Additional flags of the runtime. */
  readonly flags?: readonly string[];
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const TOKEN = "bench-0123456789abcdef0123456789abcdef";

/** The service's variables: every feature is on, and the rate limit is out of reach. */
const variables = (context: LaunchContext): Readonly<Record<string, string>> => ({
  ...SANDBOX_VARIABLES,
  DAXPAY_URL: context.upstream.url,
  DAXPAY_RELEASE: context.upstream.release,
  DAXPAY_QUERY: context.queryMode,
  DAXPAY_RATE: "100000",
  DAXPAY_CONCURRENCY: "1000",
  PORT: String(context.port),
  GRPC_PORT: String(context.grpcPort),
  AUTH_TOKENS_FILE: context.tokensFile,
  WATCH_SCHEDULE: "1h",
  MAX_CONNECTIONS: "20000",
  LOG_FORMAT: "json",
});

/** The minimal permissions of `deno task start`, so that their cost is included. */
function servicePermissions(context: LaunchContext): readonly string[] {
  const env = (name: string) => variables(context)[name];
  const result = readConfig({ env, readFile: (path) => Deno.readTextFileSync(path), isTerminal: false });
  if (result.kind === "invalid") throw new RangeError(result.problems.join("; "));
  return permissionsFor(result.config, env);
}

/** Runs a file of `contender/` that may connect to its own ports and to DaxPay only. */
function denoCommand(
  file: string,
  ports: readonly number[],
  { upstream, flags }: LaunchContext,
): readonly [string, ...string[]] {
  const net = [...ports.map((port) => `127.0.0.1:${port}`), new URL(upstream.url).host].join(",");
  const args = [...ports.map(String), upstream.url, TOKEN];
  return [Deno.execPath(), "run", ...flags, "--no-prompt", `--allow-net=${net}`, `${HERE}contender/${file}`, ...args];
}

const SPECS: Readonly<Record<Contender, ContenderSpec>> = {
  service: {
    title: "this service",
    protocols: ["gRPC", "Connect binary", "Connect JSON"],
    command: (context) => [Deno.execPath(), "run", ...context.flags, ...servicePermissions(context), MAIN],
    env: variables,
  },
  baseline: {
    title: "baseline: connect-node and ky",
    protocols: ["gRPC", "Connect binary", "Connect JSON"],
    command: (context) => denoCommand("baseline.ts", [context.port, context.grpcPort], context),
  },
  fastify: {
    title: "Fastify and axios on Node",
    protocols: ["REST"],
    command: ({ port, upstream, flags }) => {
      return ["node", ...flags, `${HERE}contender/fastify.mjs`, `${port}`, upstream.url, TOKEN];
    },
  },
  deno: {
    title: "Deno.serve and fetch",
    protocols: ["REST"],
    command: (context) => denoCommand("deno.ts", [context.port], context),
  },
};

export const titleOf = (contender: Contender): string => SPECS[contender].title;
export const protocolsOf = (contender: Contender): readonly Protocol[] => SPECS[contender].protocols;

/** The contender's protocol with the least overhead. */
export function fastestProtocolOf(contender: Contender): Protocol {
  return protocolsOf(contender).includes("gRPC") ? "gRPC" : "REST";
}

/** The contender's protocol with JSON on HTTP/1.1, which all of them have in common. */
export function jsonProtocolOf(contender: Contender): Protocol {
  return protocolsOf(contender).includes("REST") ? "REST" : "Connect JSON";
}

let launches = 0;

/** Starts a contender, without waiting until it listens. */
export function launch(contender: Contender, options: LaunchOptions): Running {
  const { upstream, queryMode, folder, inspect = false, flags = [] } = options;
  const [port, grpcPort] = [freePort(), freePort()];
  const inspectorPort = inspect ? freePort() : undefined;
  const tokensFile = `${folder}/tokens`;
  Deno.writeTextFileSync(tokensFile, `bench ${TOKEN}\n`);
  const { command, env, protocols } = SPECS[contender];
  const context: LaunchContext = {
    port,
    grpcPort,
    upstream,
    queryMode,
    tokensFile,
    flags: inspectorPort === undefined ? flags : [`--inspect=127.0.0.1:${inspectorPort}`, ...flags],
  };
  const process = spawn({ command: command(context), env: env?.(context), folder, name: `${contender}-${launches++}` });
  return {
    contender,
    process,
    port,
    grpcPort: protocols.includes("gRPC") ? grpcPort : undefined,
    token: TOKEN,
    inspectorPort,
  };
}

/** Resolves when the contender has returned its first correct response. */
export async function untilReady(running: Running): Promise<void> {
  await retryUntilReady(async () => {
    const callers = await openCallers(1, jsonProtocolOf(running.contender), running);
    try {
      await callers.sync(0, nextRefundNo());
    } finally {
      callers.close();
    }
  }, running.process);
}

const DIGITS = 18;
let refunds = Date.now() * 1000;

/** A refund number that has not been used yet, always of the same length. */
export function nextRefundNo(family = "LOAD"): string {
  return `${family}-${String(refunds++).padStart(DIGITS, "0")}`;
}
