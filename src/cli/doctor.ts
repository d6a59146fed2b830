import { randomBytes } from "node:crypto";
import process from "node:process";
import { type AccountConfig, type Accounts, DEFAULT_ACCOUNT } from "../config/accounts.ts";
import { readConfig } from "../config/read.ts";
import type { ConfigSource } from "../config/values.ts";
import type { ClientDeps } from "../daxpay/client.ts";
import { examine } from "../doctor/examine.ts";
import { formatJson, formatText } from "../doctor/print.ts";
import { readArguments } from "./arguments.ts";
import { type CommandIo, processIo, runCommand, validConfig } from "./command.ts";

const HELP = `Checks a DaxPay server using the service's own configuration (DAXPAY_RELEASE may be unset)

Syncs a refund that cannot exist and queries it, so nothing changes in DaxPay. Checks address, path, signature, reply,
query, clock and request age.

  --account <name>      the account to check; required if there are several and none is named default
  --refund-no <number>  also query this refund (退款号), without syncing it: shows a wrong DAXPAY_TIME_ZONE on 3.0.0
  --json                print one JSON object:
                        {ok, account, url, release, signType, requests, steps: [{id, status, ok, found, causes, advice}]}
                        with status passed, warning, failed or skipped, and one cause for each advice;
                        if the configuration is invalid: {ok: false, problems, steps: []}
  --help                print this help

Exit codes: 0 all checks passed, warnings included; 1 a check failed; 2 invalid configuration or arguments`;

/** What the command takes from its process. */
export interface DoctorIo extends CommandIo {
  readonly deps: ClientDeps;
}

/** Runs the command and returns its exit code. */
export async function doctor(args: readonly string[], io: DoctorIo): Promise<number> {
  return await runCommand(readArguments(args, COMMAND_LINE), io, (options) => checkAccount(options, io));
}

async function checkAccount({ json, refundNo, account: name }: DoctorOptions, io: DoctorIo): Promise<number> {
  const { config, deps, print, printError } = io;
  const source = { ...config, env: (name: string) => config.env(name) || defaultOf(name, config) };
  const result = readConfig(source, { acceptUntypedSecrets: true });
  if (json && result.kind === "invalid") {
    print(JSON.stringify({ ok: false, problems: result.problems, steps: [] }));
    return 2;
  }
  const valid = validConfig(result, io);
  if (!valid) return 2;
  const { accounts } = valid.config;
  const account = selectAccount(accounts, name);
  if (!account) {
    const names = [...accounts.keys()].join(", ");
    printError(`--account: expected one of ${names}, got ${name === undefined ? "nothing" : "another name"}`);
    return 2;
  }
  const { daxpay, sync } = account;
  const examination = await examine({ ...daxpay, ...sync }, deps, { refundNo });
  const checked = { ...daxpay, account: account.name };
  print(json ? formatJson(examination, checked) : formatText(examination, checked));
  return examination.ok ? 0 : 1;
}

/** The account of that name; without a name the only one or `default`. */
function selectAccount(accounts: Accounts, name: string | undefined): AccountConfig | undefined {
  if (name !== undefined) return accounts.get(name);
  return accounts.size === 1 ? accounts.values().next().value : accounts.get(DEFAULT_ACCOUNT);
}

/** The release is what the doctor finds out, for the account of the variables. Only v4 has a private key. */
function defaultOf(name: string, { env }: ConfigSource): string | undefined {
  if (name !== "DAXPAY_RELEASE" || (env("DAXPAY_ACCOUNTS_FILE") && !env("DAXPAY_URL"))) return undefined;
  const hasKey = env("DAXPAY_PRIVATE_KEY") || env("DAXPAY_PRIVATE_KEY_FILE");
  return hasKey ? "4.0.0-beta" : "documented";
}

type DoctorOptions = ReturnType<typeof COMMAND_LINE.read>;

interface DoctorArguments {
  readonly json: boolean;
  readonly account: string | undefined;
  readonly "refund-no": string | undefined;
}

const COMMAND_LINE = {
  options: { account: { type: "string" }, "refund-no": { type: "string" }, json: { type: "boolean" } },
  help: () => HELP,
  read({ json, account, "refund-no": refundNo }: DoctorArguments) {
    if (refundNo !== undefined && !/^[^\p{C}\p{Z}]{1,100}$/u.test(refundNo)) {
      throw new RangeError("--refund-no: expected 1 to 100 characters without white space, got others");
    }
    return { json, account, refundNo };
  },
} as const;

if (import.meta.main) {
  process.exitCode = await doctor(process.argv.slice(2), {
    ...processIo,
    deps: { fetch, now: Date.now, nonce: () => randomBytes(16).toString("hex") },
  });
}
