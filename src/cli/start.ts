import { randomUUID } from "node:crypto";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Config, VARIABLE_NAMES } from "../config/config.ts";
import { loadConfigOrExit } from "../config/load.ts";

/** The files that the configuration names, and the page. */
const CONSOLE = fileURLToPath(new URL("../console/dist", import.meta.url));
/** Deno's telemetry, the launcher's as well: whether it is on, and where it says that it comes from. */
const [TELEMETRY, NAME, ORIGIN] = ["OTEL_DENO", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"];
/** Milliseconds for the service's telemetry after its last call has ended, and for the launcher's own, which nobody needs. */
const [LAST_WORDS_MS, OWN_MS] = [3_000, 2_000];

/**
 * The permissions that the service needs with this configuration, and no others: its own addresses, DaxPay's and the JWT
 * issuer's, the named files, the variables. Deno's permission sets in deno.json cannot depend on the environment.
 */
export function permissionsFor(config: Config, env: (name: string) => string | undefined): string[] {
  const { host, port, grpcPort, tls, auth, daxpay } = config;
  const net = [
    authority(host, port),
    ...(tls ? [] : [authority(host, grpcPort)]),
    authorityOf(daxpay.url),
    ...(auth.jwt ? [authorityOf(auth.jwt.jwksUrl)] : []),
  ];
  const files = VARIABLE_NAMES.filter((name) => name.endsWith("_FILE")).map((name) => env(name) ?? "").filter(Boolean);
  const pathWithComma = files.find((path) => path.includes(","));
  // Deno's flags know no way to write it.
  if (pathWithComma !== undefined) {
    throw new RangeError(`Found a comma in the path "${pathWithComma}", wanted one without`);
  }
  return [
    "--no-prompt",
    `--allow-net=${[...new Set(net)].join(",")}`,
    `--allow-read=${[CONSOLE, ...files].join(",")}`,
    `--allow-env=${VARIABLE_NAMES.join(",")}`,
  ];
}

/**
 * What telemetry says of where it comes from. The launcher exports some of itself, too, and two writers of one series spoil
 * it: so the service has an id of its own, as every replica has. What an operator says comes last and wins.
 */
function resourceAttributes(env: (name: string) => string | undefined): Record<string, string> {
  const attributes = [`service.instance.id=${randomUUID()}`, env(ORIGIN) ?? ""].filter(Boolean);
  return { [NAME]: env(NAME) || "daxpay-refund-sync", [ORIGIN]: attributes.join(",") };
}

/** Runs the service with just these permissions, hands signals on to it, and exits as it does. */
async function start(): Promise<void> {
  const env = (name: string) => Deno.env.get(name);
  const config = loadConfigOrExit(env);
  const service = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      // All packages were there when the launcher started: nothing else may come in afterwards.
      "--cached-only",
      ...permissionsFor(config, env),
      fileURLToPath(new URL("../main.ts", import.meta.url)),
    ],
    env: resourceAttributes(env),
  }).spawn();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      // A terminal sends Ctrl+C to both, and a second one would end the service at once.
      if (signal !== "SIGINT" || !process.stdin.isTTY) service.kill(signal);
      setTimeout(() => killHungProcess(service), config.stopTimeoutMs + LAST_WORDS_MS);
    });
  }
  const watchdog = env(TELEMETRY) ? new Worker(new URL("./watchdog.ts", import.meta.url)) : undefined;
  const { code } = await service.status;
  watchdog?.postMessage(OWN_MS);
  process.exit(code);
}

/**
 * With telemetry Deno does not exit before the collector has taken what is left. One that accepts and never answers keeps
 * it for half a minute or for good, as does an exit that meets the collection of numbers. All calls have ended by now.
 */
function killHungProcess(service: Deno.ChildProcess): void {
  console.error("The service has stopped and does not exit, as if its OpenTelemetry collector did not answer");
  service.kill("SIGKILL");
}

function authorityOf(url: URL): string {
  return authority(url.hostname.replace(/^\[|\]$/g, ""), Number(url.port || (url.protocol === "https:" ? 443 : 80)));
}

function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

if (import.meta.main) await start();
