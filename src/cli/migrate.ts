import process from "node:process";
import { readDatabase } from "../config/store.ts";
import { migrate, migrationSql } from "../store/migrate.ts";
import { openPostgres } from "../store/postgres.ts";
import { readArguments } from "./arguments.ts";
import { type CommandIo, processIo, runCommand, useDatabase, validConfig } from "./command.ts";

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

/** Runs the command and returns its exit code. */
export async function runMigrate(args: readonly string[], io: CommandIo): Promise<number> {
  return await runCommand(readArguments(args, COMMAND_LINE), io, (options) => createTables(options, io));
}

async function createTables({ adopt, printSql }: MigrateOptions, io: CommandIo): Promise<number> {
  const { config, print, printError } = io;
  if (printSql) {
    print(migrationSql());
    return 0;
  }
  const valid = validConfig(readDatabase(config), io);
  if (!valid) return 2;
  const opened = openPostgres({
    ...valid.database,
    maxConnections: CONNECTIONS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  return await useDatabase(opened, { printError, failure: "Cannot migrate:" }, async (database) => {
    const { applied, storeId, adopted } = await migrate(database, { adopt });
    for (const name of applied) print(`Applied ${name}`);
    if (applied.length === 0) print("Nothing to apply: the tables are up to date");
    if (storeId === "") {
      printError("The database has lost its identity. If its refunds are complete, accept it with --adopt");
      return 1;
    }
    print(`${adopted ? "Adopted as store" : "Store"} ${storeId}`);
    return 0;
  });
}

type MigrateOptions = ReturnType<typeof COMMAND_LINE.read>;

const COMMAND_LINE = {
  options: { adopt: { type: "boolean" }, "print-sql": { type: "boolean" } },
  help: () => HELP,
  read({ adopt, "print-sql": printSql }: { readonly adopt: boolean; readonly "print-sql": boolean }) {
    if (adopt && printSql) throw new RangeError("--adopt: expected no --print-sql with it, got both");
    return { adopt, printSql };
  },
} as const;

if (import.meta.main) {
  process.exitCode = await runMigrate(process.argv.slice(2), processIo);
}
