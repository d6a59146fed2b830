import { readFileSync } from "node:fs";
import process from "node:process";
import { type Config, type ConfigSource, readConfig } from "./config.ts";

/** The configuration in the given environment. Where it is wrong, says how and exits with 2. */
export function loadConfigOrExit(env: ConfigSource["env"]): Config {
  const result = readConfig({
    env,
    readFile: (path) => readFileSync(path, "utf8"),
    isTerminal: process.stdout.isTTY === true,
  });
  if (result.kind === "valid") return result.config;
  const { problems: mistakes } = result;
  console.error(
    `Cannot start, the configuration has ${mistakes.length} ${mistakes.length === 1 ? "mistake" : "mistakes"}:`,
  );
  for (const mistake of mistakes) console.error(`- ${mistake}`);
  console.error("See .env.example for every variable.");
  process.exit(2);
}
