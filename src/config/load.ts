import { readFileSync } from "node:fs";
import process from "node:process";
import { type Config, type ConfigSource, readConfig } from "./read.ts";

/** This process's environment. */
export const environment: ConfigSource = {
  env: (name) => Deno.env.get(name),
  readFile: (path) => readFileSync(path, "utf8"),
  isTerminal: process.stdout.isTTY === true,
};

/** Sets variables of this process and of what replaces it. */
export function setVariables(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
}

/** Returns the configuration, with some variables replaced; if it is invalid, prints every problem and exits with code 2. */
export function loadConfigOrExit(replaced: Readonly<Record<string, string>> = {}): Config {
  const result = readConfig({ ...environment, env: (name) => replaced[name] ?? environment.env(name) });
  if (result.kind === "valid") return result.config;
  printProblems(result.problems, console.error);
  process.exit(2);
}

/** Prints the problems of an invalid configuration. */
export function printProblems(problems: readonly string[], print: (line: string) => void): void {
  print(`Invalid configuration, ${problems.length} ${problems.length === 1 ? "problem" : "problems"}:`);
  for (const problem of problems) print(`- ${problem}`);
  print("See .env.example for every variable.");
}
