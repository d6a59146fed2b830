import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Config, VARIABLE_NAMES } from "./config.ts";
import { configFrom } from "./environment.ts";

/** The files that the configuration names, and the page. */
const CONSOLE = fileURLToPath(new URL("./console/dist", import.meta.url));

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
  const divided = files.find((path) => path.includes(","));
  // Deno's flags know no way to write it.
  if (divided !== undefined) throw new RangeError(`Found a comma in the path "${divided}", wanted one without`);
  return [
    "--no-prompt",
    `--allow-net=${[...new Set(net)].join(",")}`,
    `--allow-read=${[CONSOLE, ...files].join(",")}`,
    `--allow-env=${VARIABLE_NAMES.join(",")}`,
  ];
}

/** Runs the service with just these permissions, hands signals on to it, and exits as it does. */
async function start(): Promise<void> {
  const env = (name: string) => Deno.env.get(name);
  const config = configFrom(env);
  const service = new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissionsFor(config, env), fileURLToPath(new URL("./main.ts", import.meta.url))],
    // Deno's own propagation would send callers' trace ids on to DaxPay; the service reads them itself.
    env: { OTEL_PROPAGATORS: "none" },
  }).spawn();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => {
      // A terminal sends Ctrl+C to both, and a second one would end the service at once.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      service.kill(signal);
    });
  }
  const { code } = await service.status;
  process.exit(code);
}

function authorityOf(url: URL): string {
  return authority(url.hostname.replace(/^\[|\]$/g, ""), Number(url.port || (url.protocol === "https:" ? 443 : 80)));
}

function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

if (import.meta.main) await start();
