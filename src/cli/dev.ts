import process from "node:process";
import { parseArgs } from "node:util";
import { createApp } from "../app/app.ts";
import { loadConfigOrExit } from "../config/load.ts";
import { SANDBOX_VARIABLES } from "../config/sandbox.ts";
import { RELEASE_NAMES, type ReleaseName } from "../daxpay/release.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { startLog } from "../telemetry/log.ts";

const HELP =
  `Runs the service against an embedded DaxPay, with the service's own variables (ports, tokens, CORS, log, …)

Web pages of this machine may call it, whatever their port.

  --release  ${RELEASE_NAMES.join(", ")} (2.0.8)
  --latency  response time of the payment channel, in milliseconds (0)
  --help     this page`;

type Command =
  | { readonly kind: "run"; readonly release: ReleaseName; readonly latencyMs: number }
  | { readonly kind: "help" }
  | { readonly kind: "invalid"; readonly problem: string };

function readCommand(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        release: { type: "string", default: "2.0.8" },
        latency: { type: "string", default: "0" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const release = RELEASE_NAMES.find((name) => name === values.release);
    if (!release) {
      throw new RangeError(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got "${values.release}"`);
    }
    if (!/^\d{1,6}$/.test(values.latency)) {
      throw new RangeError(`--latency: expected whole milliseconds, got "${values.latency}"`);
    }
    return { kind: "run", release, latencyMs: Number(values.latency) };
  } catch (error) {
    return { kind: "invalid", problem: (error as Error).message };
  }
}

/** Exit codes: 0 help, 1 could not start, 2 invalid arguments or configuration. */
async function dev(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  switch (command.kind) {
    case "help":
      return console.log(HELP);
    case "invalid":
      console.error(command.problem);
      process.exit(2);
  }
  const { release, latencyMs } = command;
  const sandbox = await createSandbox({ release, latencyMs });
  const config = loadConfigOrExit({ ...SANDBOX_VARIABLES, DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: release });
  await startLog(config.log);
  try {
    await createApp({ ...config, corsLocalhost: true });
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(1);
  }
}

if (import.meta.main) await dev();
