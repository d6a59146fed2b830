import process from "node:process";
import { readTextFile } from "../util/text-file.ts";
import { type Config, readConfig } from "./read.ts";
import type { ConfigSource } from "./values.ts";

/** This process's environment. */
export const environment: ConfigSource = {
  env: (name) => Deno.env.get(name),
  // Listing takes the permission for all variables, which the commands have and the service itself has not.
  names: () =>
    Deno.permissions.querySync({ name: "env" }).state === "granted"
      ? Object.entries(Deno.env.toObject()).filter(([, value]) => value !== "").map(([name]) => name)
      : [],
  readFile: readTextFile,
  isTerminal: process.stdout.isTTY === true,
};

/** Sets variables of this process and of what replaces it. */
export function setVariables(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
}

/**
 * Returns the configuration, with some variables replaced, and prints what is doubtful; if it is invalid, prints every
 * problem and exits with code 2.
 */
export function loadConfigOrExit(replaced: Readonly<Record<string, string>> = {}): Config {
  const result = readConfig({ ...environment, env: (name) => replaced[name] ?? environment.env(name) });
  if (result.kind === "valid") {
    for (const warning of result.warnings) console.error(`Warning: ${warning}`);
    return result.config;
  }
  printProblems(result.problems, console.error);
  process.exit(2);
}

/** Prints the problems of an invalid configuration. */
export function printProblems(problems: readonly string[], print: (line: string) => void): void {
  print(`Invalid configuration, ${problems.length} ${problems.length === 1 ? "problem" : "problems"}:`);
  for (const problem of problems) print(`- ${problem}`);
  print("See .env.example for every variable.");
}
