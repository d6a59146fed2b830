import process from "node:process";
import { getLogger } from "@logtape/logtape";
import { createApp } from "../app/app.ts";
import { loadConfigOrExit } from "../config/load.ts";
import { SANDBOX_VARIABLES } from "../config/sandbox.ts";
import { RELEASE_NAMES } from "../sandbox/release.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import type { Database } from "../store/database.ts";
import { LOG_CATEGORY, startLog } from "../telemetry/log.ts";
import { oneOf, readArgumentsOrExit, wholeNumber } from "./arguments.ts";
import { SANDBOX_KEYS } from "./sandbox-keys.ts";

const MAX_LATENCY_MS = 3_600_000;

const HELP =
  `Runs the service against an embedded DaxPay, with the service's own variables (ports, tokens, CORS, log, …)

Web pages of this machine may call it, whatever their port. Refunds are tracked in a PostgreSQL in memory, or in that of
DATABASE_URL; what was tracked there in another run is not followed, since each has a DaxPay of its own.

  --release  ${RELEASE_NAMES.join(", ")} (2.0.8)
  --latency  response time of the payment channel, in milliseconds (0)
  --help     this page`;

/** Exit codes: 0 help, 1 could not start, 2 invalid arguments or configuration. */
async function dev(): Promise<void> {
  const { release, latencyMs } = readArgumentsOrExit({
    options: { release: { type: "string", default: "2.0.8" }, latency: { type: "string", default: "0" } },
    help: () => HELP,
    read: ({ release, latency }) => ({
      release: oneOf(RELEASE_NAMES, "--release", release),
      latencyMs: wholeNumber("--latency", latency, { max: MAX_LATENCY_MS }),
    }),
  });
  const sandbox = await createSandbox({ release, latencyMs });
  const config = loadConfigOrExit({
    ...SANDBOX_VARIABLES,
    ...SANDBOX_KEYS,
    DAXPAY_URL: sandbox.url,
    DAXPAY_RELEASE: release,
  });
  await startLog(config.log);
  try {
    await createApp({ ...config, corsLocalhost: true }, config.store ? {} : { openDatabase });
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** Only then is its code loaded, since that takes time and memory. */
async function openDatabase(): Promise<Database> {
  getLogger(LOG_CATEGORY).info("Starting a database in memory, which takes a few seconds; it ends with this process");
  const { openEmbeddedStore } = await import("../store/embedded.ts");
  return await openEmbeddedStore();
}

if (import.meta.main) await dev();
