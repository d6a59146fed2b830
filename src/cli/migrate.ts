import process from "node:process";
import { environment, printProblems } from "../config/load.ts";
import { readDatabase } from "../config/store.ts";
import type { ConfigSource } from "../config/values.ts";
import { StoreUnavailableError } from "../store/database.ts";
import { migrate, migrationSql } from "../store/migrate.ts";
import { openPostgres } from "../store/postgres.ts";
import { readArguments } from "./arguments.ts";

const HELP = `Creates the tables in the database of DATABASE_URL, or brings them up to date, before a new version starts

Connect as the owner of the tables, refundsync_owner of deploy/roles.sql. Applies nothing twice; runs at the same time wait
for each other. Replicas of the previous version may go on.

  --adopt      accept a database that was restored or replaced, after STORE_REPLACED: gives it a new identity
  --print-sql  print the statements that an empty database gets, for review, and connect to nothing
  --help       print this help

Exit codes: 0 done, 1 failed, 2 invalid configuration or arguments`;

/** Milliseconds that a statement may take: it may wait for another run, and build an index. */
const STATEMENT_TIMEOUT_MS = 600_000;
/** One for the transaction that holds the lock, one for pg-boss. */
const CONNECTIONS = 2;

/** What the command takes from its process. */
export interface MigrateIo {
  readonly config: ConfigSource;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** Runs the command and returns its exit code. */
export async function runMigrate(args: readonly string[], { config, print, printError }: MigrateIo): Promise<number> {
  const line = readArguments(args, COMMAND_LINE);
  switch (line.kind) {
    case "help":
      print(line.page);
      return 0;
    case "invalid":
      printError(line.problem);
      return 2;
  }
  const { adopt, printSql } = line.command;
  if (printSql) {
    print(migrationSql());
    return 0;
  }
  const result = readDatabase(config);
  if (result.kind === "invalid") {
    printProblems(result.problems, printError);
    return 2;
  }
  await using database = openPostgres({
    ...result.database,
    maxConnections: CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  try {
    const { applied, storeId, adopted } = await migrate(database, { adopt });
    for (const name of applied) print(`Applied ${name}`);
    if (applied.length === 0) print("Nothing to apply: the tables are up to date");
    if (storeId === "") {
      printError("The database has lost its identity. If its refunds are complete, accept it with --adopt");
      return 1;
    }
    print(`${adopted ? "Adopted as store" : "Store"} ${storeId}`);
    return 0;
  } catch (error) {
    const { message } = error as Error;
    printError(error instanceof StoreUnavailableError ? message : `Cannot migrate: ${message}`);
    return 1;
  }
}

const COMMAND_LINE = {
  options: { adopt: { type: "boolean" }, "print-sql": { type: "boolean" } },
  help: () => HELP,
  read({ adopt, "print-sql": printSql }: { readonly adopt: boolean; readonly "print-sql": boolean }) {
    if (adopt && printSql) throw new RangeError("--adopt: expected no --print-sql with it, got both");
    return { adopt, printSql };
  },
} as const;

if (import.meta.main) {
  process.exitCode = await runMigrate(process.argv.slice(2), {
    config: environment,
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
  });
}
