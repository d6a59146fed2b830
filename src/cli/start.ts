import { randomUUID } from "node:crypto";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { environment, loadConfigOrExit } from "../config/load.ts";
import type { Config, ConfigSource } from "../config/read.ts";
import { VARIABLE_NAMES } from "../config/variables.ts";
import { hostPort, hostPortOf } from "../util/url.ts";

const CONSOLE = fileURLToPath(new URL("../console/dist", import.meta.url));
/** Milliseconds after the last call for the export of the service's telemetry. */
const FLUSH_TIMEOUT_MS = 3_000;
/** Milliseconds for the launcher's own telemetry, which nobody needs. */
const LAUNCHER_FLUSH_TIMEOUT_MS = 2_000;

type Env = ConfigSource["env"];

/**
 * Deno flags for exactly the permissions that the service needs with this configuration: its own addresses, DaxPay's and
 * the JWT issuer's, the configured files, the variables. Permission sets in deno.json cannot depend on the environment.
 */
export function permissionsFor(config: Config, env: Env): string[] {
  const { host, port, grpcPort, tls, auth, daxpay } = config;
  const net = [
    hostPort(host, port),
    ...(tls ? [] : [hostPort(host, grpcPort)]),
    hostPortOf(daxpay.url),
    ...(auth.jwt ? [hostPortOf(auth.jwt.jwksUrl)] : []),
  ];
  const files = VARIABLE_NAMES.filter((name) => name.endsWith("_FILE"))
    .flatMap((name) => ({ name, path: env(name) ?? "" })).filter(({ path }) => path !== "");
  const pathWithComma = files.find(({ path }) => path.includes(","));
  if (pathWithComma !== undefined) {
    throw new RangeError(
      `${pathWithComma.name}: expected a path without a comma, which Deno's permission flags cannot express, got ` +
        `"${pathWithComma.path}"`,
    );
  }
  return [
    "--no-prompt",
    `--allow-net=${[...new Set(net)].join(",")}`,
    `--allow-read=${[CONSOLE, ...files.map(({ path }) => path)].join(",")}`,
    `--allow-env=${VARIABLE_NAMES.join(",")}`,
  ];
}

/**
 * OpenTelemetry's resource of the service. The launcher exports some telemetry, too, and two writers of one series corrupt
 * it, so the service gets an instance id of its own. The operator's attributes come last and win.
 */
function resourceAttributes(env: Env): Record<string, string> {
  const attributes = [`service.instance.id=${randomUUID()}`, env("OTEL_RESOURCE_ATTRIBUTES") ?? ""].filter(Boolean);
  return {
    OTEL_SERVICE_NAME: env("OTEL_SERVICE_NAME") || "daxpay-refund-sync",
    OTEL_RESOURCE_ATTRIBUTES: attributes.join(","),
  };
}

/** Runs the service with exactly these permissions, forwards signals to it and exits with its code. */
async function start(): Promise<void> {
  const { env } = environment;
  const config = loadConfigOrExit();
  const service = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      // The launcher's own start has downloaded all packages.
      "--cached-only",
      ...permissionsOrExit(config, env),
      fileURLToPath(new URL("../main.ts", import.meta.url)),
      "--stop-with-stdin",
    ],
    env: resourceAttributes(env),
    // Never written to: it closes when the launcher dies, however that happens, and the service stops.
    stdin: "piped",
  }).spawn();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      // A terminal sends Ctrl+C to both, and a second one would end the service immediately.
      if (signal !== "SIGINT" || !process.stdin.isTTY) service.kill(signal);
      setTimeout(() => killHungProcess(service), config.stopTimeoutMs + FLUSH_TIMEOUT_MS);
    });
  }
  const watchdog = env("OTEL_DENO") ? new Worker(new URL("./watchdog.ts", import.meta.url)) : undefined;
  const { code } = await service.status;
  watchdog?.postMessage(LAUNCHER_FLUSH_TIMEOUT_MS);
  process.exit(code);
}

function permissionsOrExit(config: Config, env: Env): string[] {
  try {
    return permissionsFor(config, env);
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(2);
  }
}

/**
 * With OTEL_DENO Deno exports the remaining telemetry before it exits. A collector that accepts connections and never
 * answers delays that for half a minute or forever (denoland/deno#33157). All calls have ended by now.
 */
function killHungProcess(service: Deno.ChildProcess): void {
  console.error("Service stopped but did not exit (does the OpenTelemetry collector hang?); killing it");
  service.kill("SIGKILL");
}

if (import.meta.main) await start();
