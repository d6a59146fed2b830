import { randomUUID } from "node:crypto";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { environment, loadConfigOrExit, setVariables } from "../config/load.ts";
import { hostsOf } from "../config/accounts.ts";
import type { Config } from "../config/read.ts";
import type { ConfigSource } from "../config/values.ts";
import { VARIABLE_NAMES } from "../config/variables.ts";
import { isSocket, parseDatabaseUrl, socketPath } from "../util/database-url.ts";
import { hostPort, hostPortOf } from "../util/url.ts";
import { readArgumentsOrExit } from "./arguments.ts";
import { execDeno } from "./exec.ts";

const HELP = `Runs the service against a real DaxPay, configured by environment variables (see .env.example)

  --stop-with-parent  stop when the parent process ends
  --help              this page

Exit codes: 0 stopped by a signal, 1 could not start or stop, 2 invalid configuration or arguments`;

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
/** Folders and files of the service itself that it opens while it runs. */
const OWN_FILES = ["../console/dist", "../telemetry/stdout-worker.ts", "../telemetry/exit-worker.ts"]
  .map((file) => fileURLToPath(new URL(file, import.meta.url)));

type Env = ConfigSource["env"];

/** Debugging variables of the YAML parser, and what could change pg's connection; none of them may be read. */
const IGNORED_VARIABLES = ["LOG_TOKENS", "LOG_STREAM", "PGBINARY", "PGREPLICATION"];
/** What pg-boss records of each replica. */
const QUEUE_SYS = ["hostname", "systemMemoryInfo"];

/**
 * Deno flags for exactly the permissions that the service needs with this configuration: its own addresses, DaxPay's, the
 * JWT issuer's and the database's, the configured files, the variables. Permission sets in deno.json cannot depend on the environment.
 */
export function permissionsFor(config: Config, env: Env): string[] {
  const { host, port, grpcPort, tls, auth, accounts, accountFiles, store } = config;
  const address = store && parseDatabaseUrl(store.url);
  const socket = address && isSocket(address) ? socketPath(address) : undefined;
  const net = [
    hostPort(host, port),
    ...(tls ? [] : [hostPort(host, grpcPort)]),
    ...hostsOf(accounts).values(),
    ...(auth.jwt ? [hostPortOf(auth.jwt.jwksUrl)] : []),
    ...(socket === undefined ? [] : [`unix:${socket}`]),
    ...(address && socket === undefined ? [hostPort(address.host, address.port)] : []),
  ];
  // A webhook's connection goes to an address, which nobody knows at the start; the service checks it itself.
  const hasWebhook = [...accounts.values()].some(({ webhook }) => webhook !== undefined);
  const files = VARIABLE_NAMES.filter((name) => name.endsWith("_FILE"))
    .flatMap((name) => ({ name, path: env(name) ?? "" })).filter(({ path }) => path !== "")
    .concat(accountFiles.map((path) => ({ name: "DAXPAY_ACCOUNTS_FILE", path })))
    .concat(socket === undefined ? [] : [{ name: "DATABASE_URL", path: socket }]);
  const pathWithComma = files.find(({ path }) => path.includes(","));
  if (pathWithComma !== undefined) {
    throw new RangeError(
      `${pathWithComma.name}: expected a path without a comma, which Deno's permission flags cannot express, got ` +
        `"${pathWithComma.path}"`,
    );
  }
  return [
    "--no-prompt",
    hasWebhook ? "--allow-net" : `--allow-net=${[...new Set(net)].join(",")}`,
    `--allow-read=${[...new Set([...OWN_FILES, ...files.map(({ path }) => path)])].join(",")}`,
    ...(socket === undefined ? [] : [`--allow-write=${socket}`]),
    ...(store ? [`--allow-sys=${QUEUE_SYS.join(",")}`] : []),
    `--allow-env=${[...VARIABLE_NAMES, "OTEL_DENO", "OTEL_DENO_CONSOLE"].join(",")}`,
    `--ignore-env=${IGNORED_VARIABLES.join(",")}`,
  ];
}

/** OpenTelemetry's resource of the service. The operator's attributes come last and win. */
function resourceAttributes(env: Env): Record<string, string> {
  const attributes = [`service.instance.id=${randomUUID()}`, env("OTEL_RESOURCE_ATTRIBUTES") ?? ""].filter(Boolean);
  return {
    OTEL_SERVICE_NAME: env("OTEL_SERVICE_NAME") || "daxpay-refund-sync",
    OTEL_RESOURCE_ATTRIBUTES: attributes.join(","),
  };
}

/** Replaces this process by the service with exactly these permissions. Passes its arguments on. */
function start(): never {
  const { env } = environment;
  const config = loadConfigOrExit();
  try {
    const permissions = permissionsFor(config, env);
    setVariables(resourceAttributes(env));
    // This process's own start has downloaded all packages.
    execDeno(["run", "--cached-only", ...permissions, MAIN, ...Deno.args]);
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(2);
  }
}

if (import.meta.main) {
  readArgumentsOrExit({
    options: { "stop-with-parent": { type: "boolean" } },
    help: () => HELP,
    read: () => undefined,
  });
  start();
}
