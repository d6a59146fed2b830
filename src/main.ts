import { readFileSync } from "node:fs";
import process from "node:process";
import { type App, createApp } from "./app.ts";
import { type ConfigSource, readConfig } from "./config.ts";
import { startLog } from "./log.ts";

/** Exit codes: 0 stopped as asked, 1 could not start or stop, 2 the configuration is wrong. */
async function main(): Promise<void> {
  const result = readConfig(processSource);
  if (result.kind === "invalid") {
    console.error(`Cannot start, the configuration has ${result.mistakes.length} mistake(s):`);
    for (const mistake of result.mistakes) console.error(`- ${mistake}`);
    console.error("See .env.example for every variable.");
    process.exit(2);
  }
  await startLog(result.config.log);
  try {
    stopOnSignal(await createApp(result.config));
  } catch (error) {
    console.error(`Cannot start: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** The environment of this process. */
const processSource: ConfigSource = {
  env: (name) => Deno.env.get(name),
  readFile: (path) => readFileSync(path, "utf8"),
  isTerminal: process.stdout.isTTY === true,
};

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
