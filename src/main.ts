import process from "node:process";
import { type App, createApp } from "./app/app.ts";
import { loadConfigOrExit } from "./config/load.ts";
import { startLog } from "./telemetry/log.ts";

/** Exit codes: 0 stopped by a signal, 1 could not start or stop, 2 invalid configuration. */
async function main(): Promise<void> {
  const config = loadConfigOrExit();
  const { secret, previousSecret } = config.daxpay;
  await startLog(config.log, { secrets: [secret, ...(previousSecret ? [previousSecret] : [])] });
  try {
    stopOnSignal(await createApp(config));
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(1);
  }
}

/**
 * Stops on SIGTERM, on SIGINT and, with --stop-with-stdin, at the end of standard input. A second SIGINT exits immediately;
 * a second SIGTERM changes nothing, since process managers signal the launcher and the service.
 */
function stopOnSignal(app: App): void {
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    app.close().then(() => process.exit(0), (error) => {
      console.error(`Cannot stop cleanly: ${error.message}`);
      process.exit(1);
    });
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", () => stopping ? process.exit(1) : stop());
  if (process.argv.includes("--stop-with-stdin")) endOf(Deno.stdin.readable).then(stop, stop);
}

/** Resolves at the end of the stream. */
async function endOf(stream: ReadableStream): Promise<void> {
  for await (const _ of stream);
}

if (import.meta.main) await main();
