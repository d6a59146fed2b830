import process from "node:process";
import { parseArgs } from "node:util";
import { createApp } from "../app/app.ts";
import { sandboxConfig } from "../config/sandbox.ts";
import { RELEASE_NAMES } from "../daxpay/release.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { startLog } from "../telemetry/log.ts";

/** Runs the service against a sandbox of the given release, on the default ports. */
async function dev(): Promise<void> {
  const { values } = parseArgs({ options: { release: { type: "string", default: "2.0.8" } } });
  const release = RELEASE_NAMES.find((name) => name === values.release);
  if (!release) {
    console.error(`--release: expected one of ${RELEASE_NAMES.join(", ")}, got ${JSON.stringify(values.release)}`);
    process.exit(2);
  }
  const sandbox = await createSandbox({ release });
  const config = sandboxConfig({ DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: release, PORT: "8080", GRPC_PORT: "9090" });
  await startLog(config.log);
  await createApp(config);
}

if (import.meta.main) await dev();
