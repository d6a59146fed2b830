import { environment, printProblems } from "../config/load.ts";
import type { ConfigSource } from "../config/values.ts";
import { type Database, StoreReplacedError, StoreUnavailableError } from "../store/database.ts";
import { JournalBrokenError } from "../store/prune.ts";
import type { ReadResult } from "./arguments.ts";

/** What a command takes from its process. */
export interface CommandIo {
  readonly config: ConfigSource;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** This process's own. */
export const processIo: CommandIo = {
  config: environment,
  print: (text) => console.log(text),
  printError: (text) => console.error(text),
};

/** Runs what the arguments ask for and returns the exit code; prints the help (0) or what is wrong with them (2). */
export async function runCommand<Command>(
  line: ReadResult<Command>,
  { print, printError }: Pick<CommandIo, "print" | "printError">,
  run: (command: Command) => Promise<number>,
): Promise<number> {
  switch (line.kind) {
    case "run":
      return await run(line.command);
    case "help":
      print(line.page);
      return 0;
    case "invalid":
      printError(line.problem);
      return 2;
  }
}

type ConfigResult =
  | { readonly kind: "valid"; readonly warnings: readonly string[] }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/** The configuration that was read, with its warnings printed; prints the problems of an invalid one. */
export function validConfig<R extends ConfigResult>(
  result: R,
  { printError }: Pick<CommandIo, "printError">,
): Extract<R, { kind: "valid" }> | undefined {
  if (result.kind === "invalid") return void printProblems(result.problems, printError);
  for (const warning of result.warnings) printError(`Warning: ${warning}`);
  return result as Extract<R, { kind: "valid" }>;
}

/**
 * Works with the database, closes it and returns the exit code; prints why that fails (1), after `failure` where the error does
 * not say enough.
 */
export async function useDatabase(
  opened: Database,
  { printError, failure }: Pick<CommandIo, "printError"> & { readonly failure: string },
  work: (database: Database) => Promise<number>,
): Promise<number> {
  try {
    await using database = opened;
    return await work(database);
  } catch (error) {
    const { message } = error as Error;
    const isPlain = error instanceof StoreUnavailableError || error instanceof StoreReplacedError ||
      error instanceof JournalBrokenError;
    printError(isPlain ? message : `${failure} ${message}`);
    return 1;
  }
}
