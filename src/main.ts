import process from "node:process";
import { createApp } from "./app/app.ts";
import { readAccounts, secretsOf } from "./config/accounts.ts";
import { environment, loadConfigOrExit } from "./config/load.ts";
import { secretsOfStore } from "./config/store.ts";
import { exitAfterExport } from "./telemetry/exit.ts";
import { startLog } from "./telemetry/log.ts";

/** How often the parent process is looked for, in milliseconds. */
const PARENT_CHECK_MS = 1_000;
/** How long the parent may take to forward a signal, in milliseconds. */
const FORWARD_MS = 200;

/** Exit codes: 0 stopped by a signal, 1 could not start or stop, 2 invalid configuration. */
async function main(): Promise<void> {
  const config = loadConfigOrExit();
  // As the first process of a container it would ignore signals until something listens for them.
  const stopped = stopRequested();
  const log = await startLog(config.log, {
    secrets: [...secretsOf(config.accounts), ...secretsOfStore(config.store)],
    exported: environment.env("OTEL_DENO_CONSOLE") !== "ignore",
  });
  const app = await createApp(config, {
    droppedLogLines: log.dropped,
    redact: log.redact,
    readAccounts: () => readAccounts(environment),
  }).catch((error) => exitWith("Cannot start", error));
  await stopped;
  await app.close().catch((error) => exitWith("Cannot stop cleanly", error));
  await exitAfterExport(environment.env("OTEL_DENO") !== undefined);
}

/**
 * Resolves on SIGTERM and on SIGINT. A further SIGINT exits immediately; a further SIGTERM changes nothing. With
 * --stop-with-parent it also resolves after the parent process has ended, and takes a SIGINT that follows at once for the
 * same one: the terminal sends it to both, and the parent forwards it.
 */
function stopRequested(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const withParent = process.argv.includes("--stop-with-parent");
  let requestedAt: number | undefined;
  const stop = () => {
    requestedAt ??= performance.now();
    resolve();
  };
  Deno.addSignalListener("SIGTERM", stop);
  Deno.addSignalListener("SIGINT", () => {
    if (requestedAt === undefined) stop();
    else if (!withParent || performance.now() - requestedAt > FORWARD_MS) process.exit(1);
  });
  if (withParent) {
    const parent = Deno.ppid;
    setInterval(() => Deno.ppid === parent || stop(), PARENT_CHECK_MS);
  }
  return promise;
}

function exitWith(problem: string, error: Error): never {
  console.error(`${problem}: ${error.message}`);
  process.exit(1);
}

if (import.meta.main) await main();
