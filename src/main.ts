import process from "node:process";
import { type App, createApp } from "./app/app.ts";
import { loadConfigOrExit } from "./config/load.ts";
import { startLog } from "./telemetry/log.ts";

/** Exit codes: 0 stopped as asked, 1 could not start or stop, 2 the configuration is wrong. */
async function main(): Promise<void> {
  const config = loadConfigOrExit((name) => Deno.env.get(name));
  const { secret, previousSecret } = config.daxpay;
  await startLog(config.log, { secrets: [secret, ...(previousSecret ? [previousSecret] : [])] });
  try {
    stopOnSignal(await createApp(config));
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** The first signal stops, the second exits at once. */
function stopOnSignal(app: App): void {
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    app.close().then(() => process.exit(0), (error) => {
      console.error(`Cannot stop cleanly: ${error.message}`);
      process.exit(1);
    });
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", stop);
}

if (import.meta.main) await main();
