import { randomBytes } from "node:crypto";
import process from "node:process";
import { environment, printProblems } from "../config/load.ts";
import { type AccountConfig, type Accounts, DEFAULT_ACCOUNT } from "../config/accounts.ts";
import { readConfig } from "../config/read.ts";
import type { ConfigSource } from "../config/values.ts";
import type { ClientDeps } from "../daxpay/client.ts";
import { examine } from "../doctor/examine.ts";
import { formatJson, formatText } from "../doctor/print.ts";
import { readArguments } from "./arguments.ts";

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
export interface CommandIo {
  readonly config: ConfigSource;
  readonly deps: ClientDeps;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** Runs the command and returns its exit code. */
export async function doctor(args: readonly string[], { config, deps, print, printError }: CommandIo) {
  const line = readArguments(args, COMMAND_LINE);
  switch (line.kind) {
    case "help":
      print(line.page);
      return 0;
    case "invalid":
      printError(line.problem);
      return 2;
  }
  const { json, refundNo, account: name } = line.command;
  const source = { ...config, env: (name: string) => config.env(name) || defaultOf(name, config) };
  const result = readConfig(source, { acceptUntypedSecrets: true });
  if (result.kind === "invalid") {
    if (json) print(JSON.stringify({ ok: false, problems: result.problems, steps: [] }));
    else printProblems(result.problems, printError);
    return 2;
  }
  for (const warning of result.warnings) printError(`Warning: ${warning}`);
  const account = selectAccount(result.config.accounts, name);
  if (!account) {
    const names = [...result.config.accounts.keys()].join(", ");
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
    config: environment,
    deps: { fetch, now: Date.now, nonce: () => randomBytes(16).toString("hex") },
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
  });
}
