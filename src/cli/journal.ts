import process from "node:process";
import { longDuration } from "../config/schemas.ts";
import { type JournalConfig, readJournal } from "../config/store.ts";
import type { Database } from "../store/database.ts";
import { createStoreGuard, formatHead, type JournalHead, parseHead, readStoreId } from "../store/identity.ts";
import { openPostgres } from "../store/postgres.ts";
import { pruneAllRefunds, pruneJournal } from "../store/prune.ts";
import { verifyJournal } from "../store/verify.ts";
import { type OptionValues, readArguments, type ReadResult } from "./arguments.ts";
import { type CommandIo, processIo, runCommand, useDatabase, validConfig } from "./command.ts";

const HELP =
  `Verifies or prunes the journal in the database of DATABASE_URL, or prints its head; needs STORE_JOURNAL_KEY

  verify                    check every row; name the first that was changed, added, moved or removed
    --head <seq>:<hash>     also expect this head, which the service has logged: finds rows that were cut off the end
  prune                     delete old rows behind a signed checkpoint, and refunds that are not tracked any more; connect
                            as refundsync_prune of deploy/roles.sql
    --older-than <duration> their age, for example 400d (STORE_RETENTION)
  head                      print the last row as <seq>:<hash>
  --help                    print this help

Exit codes: 0 done, 1 the journal is broken or the command failed, 2 invalid configuration or arguments`;

/** Milliseconds that a statement may take. */
const STATEMENT_TIMEOUT_MS = 600_000;
const CONNECTIONS = 1;
const age = longDuration("1h", "3650d");

/** Does its work and returns the exit code. */
type Command = (database: Database, config: JournalConfig, io: CommandIo) => Promise<number>;

const help = () => HELP;

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => ReadResult<Command>>> = {
  verify: (args) => readArguments(args, { options: VERIFY_OPTIONS, help, read: readVerify }),
  prune: (args) => readArguments(args, { options: PRUNE_OPTIONS, help, read: readPrune }),
  head: (args) => readArguments(args, { options: {}, help, read: () => printHead }),
};

const VERIFY_OPTIONS = { head: { type: "string" } } as const;
const PRUNE_OPTIONS = { "older-than": { type: "string" } } as const;

function readVerify({ head: text }: OptionValues<typeof VERIFY_OPTIONS>): Command {
  const head = text === undefined ? undefined : parseHead(text);
  if (text !== undefined && !head) {
    throw new RangeError("--head: expected a number, a colon and 64 hexadecimal digits, as logged, got another text");
  }
  return (database, config, io) => verify(database, config, io, head);
}

function readPrune({ "older-than": text }: OptionValues<typeof PRUNE_OPTIONS>): Command {
  if (text === undefined) return (database, config, io) => prune(database, config, io, config.retentionMs);
  const { data: olderThanMs } = age.safeParse(text);
  if (olderThanMs === undefined) {
    throw new RangeError(`--older-than: expected a duration from 1h to 3650d like "400d" (h, d), got "${text}"`);
  }
  return (database, config, io) => prune(database, config, io, olderThanMs);
}

async function verify(
  database: Database,
  { journalKey }: JournalConfig,
  { print, printError }: CommandIo,
  expected: JournalHead | undefined,
): Promise<number> {
  const result = await database.transaction(async (tx) => {
    // Sees one state of the journal while others append to it and prune it.
    await tx.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    return await verifyJournal(tx, journalKey, { head: expected });
  });
  if (result.kind === "broken") {
    printError(`Broken at ${result.seq}: ${result.problem}`);
    return 1;
  }
  const { rows, prunedSeq, head, comparedHead } = result;
  if (expected && !comparedHead) {
    printError(`--head: expected one after ${prunedSeq}, up to which the journal was pruned, got ${expected.seq}`);
    return 2;
  }
  print(`Intact: ${rows} ${rows === 1 ? "row" : "rows"}${prunedSeq > 0 ? `, pruned up to ${prunedSeq}` : ""}`);
  if (head.seq > 0) print(`Head ${formatHead(head)}`);
  return 0;
}

async function prune(
  database: Database,
  { journalKey }: JournalConfig,
  { print, printError }: CommandIo,
  olderThanMs: number | undefined,
): Promise<number> {
  if (olderThanMs === undefined) {
    printError("--older-than: expected a duration because STORE_RETENTION has none, got nothing");
    return 2;
  }
  print(`Deleted ${await pruneJournal(database, journalKey, olderThanMs)} rows of the journal`);
  const { deleted, cleared } = await pruneAllRefunds(database, olderThanMs);
  print(`Deleted ${deleted} refunds, and all but the numbers of ${cleared} that succeeded or were closed`);
  return 0;
}

async function printHead(database: Database, _config: JournalConfig, { print }: CommandIo): Promise<number> {
  const { head } = await createStoreGuard(await readStoreId(database)).check(database);
  print(head.seq > 0 ? formatHead(head) : "The journal is empty");
  return 0;
}

/** Runs the command and returns its exit code. */
export async function runJournal([name, ...args]: readonly string[], io: CommandIo): Promise<number> {
  return await runCommand(readCommand(name, args), io, async (command) => {
    const valid = validConfig(readJournal(io.config), io);
    if (!valid) return 2;
    const { journal } = valid;
    const opened = openPostgres({
      ...journal.database,
      maxConnections: CONNECTIONS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
    return await useDatabase(
      opened,
      { printError: io.printError, failure: `journal ${name} failed:` },
      (database) => command(database, journal, io),
    );
  });
}

function readCommand(name: string | undefined, args: readonly string[]): ReadResult<Command> {
  if (name !== undefined && Object.hasOwn(COMMANDS, name)) return COMMANDS[name](args);
  if (name === "--help") return { kind: "help", page: HELP };
  const got = name === undefined ? "nothing" : "others";
  return { kind: "invalid", problem: `expected ${Object.keys(COMMANDS).join(", ")} or --help, got ${got}` };
}

if (import.meta.main) {
  process.exitCode = await runJournal(process.argv.slice(2), processIo);
}
