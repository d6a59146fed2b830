import process from "node:process";
import type { PgBoss } from "pg-boss";
import { ACCOUNT_NAME } from "../config/accounts.ts";
import { type DatabaseConfig, readDatabase } from "../config/store.ts";
import type { Database } from "../store/database.ts";
import { openPostgres } from "../store/postgres.ts";
import { startQueue } from "../store/queue.ts";
import { type DeadLetterFilter, listDeadLetters, redeliver } from "../tracking/dead-letters.ts";
import type { DeadLetter } from "../tracking/webhook.ts";
import { readArguments } from "./arguments.ts";
import { type CommandIo, processIo, runCommand, useDatabase, validConfig } from "./command.ts";

const HELP = `Shows and redelivers the events that could not be delivered to a webhook, in the database of DATABASE_URL

  list       print one line for each: account, seq, refund, attempts, time, reason, last error
  redeliver  deliver them again, with all their attempts; the service does it within a second

  --account <name>  only those of this account
  --seq <number>    only this one
  --all             redeliver all; required without --account and --seq
  --json            list: print one JSON object for each line
                    {account, seq, refundId, attempts, diedAt, reason, message}
  --help            print this help

Exit codes: 0 done; 1 the database cannot be used, or there is no such event; 2 invalid configuration or arguments`;

const COMMANDS = ["list", "redeliver"] as const;
type CommandName = typeof COMMANDS[number];

/** What the command takes from its process. */
export interface WebhooksIo extends CommandIo {
  readonly openDatabase: (config: DatabaseConfig) => Database;
}

/** Runs the command and returns its exit code. */
export async function runWebhooks(args: readonly string[], io: WebhooksIo): Promise<number> {
  const { config, openDatabase, printError } = io;
  const [first, ...rest] = args;
  const name = COMMANDS.find((name) => name === first);
  const line = readArguments(name === undefined ? args : rest, commandLine(name));
  return await runCommand(line, io, async ({ json, filter }) => {
    const valid = validConfig(readDatabase(config), io);
    if (!valid) return 2;
    const failure = "Cannot use the queue, has deno task migrate run?";
    return await useDatabase(openDatabase(valid.database), { printError, failure }, async (database) => {
      // Its errors are thrown as well.
      const boss = await startQueue(database, { onError: () => {}, supervise: false });
      try {
        return name === "list" ? await list(boss, filter, json, io) : await deliverAgain(database, boss, filter, io);
      } finally {
        await boss.stop({ graceful: false });
      }
    });
  });
}

async function list(boss: PgBoss, filter: DeadLetterFilter, json: boolean, { print }: CommandIo): Promise<number> {
  for await (const letter of listDeadLetters(boss, filter)) print(json ? JSON.stringify(letter) : textOf(letter));
  return 0;
}

async function deliverAgain(
  database: Database,
  boss: PgBoss,
  filter: DeadLetterFilter,
  { print, printError }: CommandIo,
): Promise<number> {
  const rows = await redeliver(database, boss, filter);
  if (rows.length === 0) {
    printError("no such event, or none that could not be delivered");
    return 1;
  }
  print(`Redelivering ${rows.length} ${rows.length === 1 ? "event" : "events"}`);
  return 0;
}

function commandLine(name: CommandName | undefined) {
  return {
    options: {
      account: { type: "string" },
      seq: { type: "string" },
      all: { type: "boolean" },
      json: { type: "boolean" },
    },
    help: () => HELP,
    read({ account, seq, all, json }: OptionsRead) {
      if (name === undefined) throw new RangeError(`expected one of ${COMMANDS.join(", ")} as the first argument`);
      if (account !== undefined && !ACCOUNT_NAME.test(account)) {
        throw new RangeError("--account: expected the name of an account, got another text");
      }
      const limited = account !== undefined || seq !== undefined;
      if (name === "redeliver" && limited === all) {
        throw new RangeError(`--all: expected either --all, or --account or --seq, got ${all ? "both" : "neither"}`);
      }
      if (name === "redeliver" && json) throw new RangeError("--json: expected only with list, got it with redeliver");
      if (name === "list" && all) throw new RangeError("--all: expected only with redeliver, got it with list");
      return {
        json,
        filter: {
          ...(account === undefined ? {} : { account }),
          ...(seq === undefined ? {} : { seq: seqOf(seq) }),
        },
      };
    },
  } as const;
}

interface OptionsRead {
  readonly account: string | undefined;
  readonly seq: string | undefined;
  readonly all: boolean;
  readonly json: boolean;
}

function seqOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new RangeError(`--seq: expected a whole number from 1, got "${text}"`);
}

function textOf({ account, seq, refundId, attempts, diedAt, reason, message }: DeadLetter): string {
  const time = new Date(diedAt).toISOString();
  return `${account}  seq ${seq}  refund ${refundId}  ${attempts} attempts  ${time}  ${reason}: ${message}`;
}

if (import.meta.main) {
  process.exitCode = await runWebhooks(process.argv.slice(2), { ...processIo, openDatabase: openPostgres });
}
