import { randomBytes } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { environment, printProblems } from "../config/load.ts";
import { type ConfigSource, readConfig } from "../config/read.ts";
import type { ClientDeps } from "../daxpay/client.ts";
import { examine } from "../doctor/examine.ts";
import { formatJson, formatText } from "../doctor/print.ts";

const HELP = `Checks a DaxPay server using the service's own configuration (DAXPAY_RELEASE may be unset)

Syncs a refund that cannot exist and queries it, so nothing changes in DaxPay. Checks address, path, signature, reply,
query, clock and request age.

  --refund-no <number>  also query this refund (退款号), without syncing it: shows a wrong DAXPAY_TIME_ZONE on 3.0.0
  --json                print one JSON object:
                        {ok, url, release, signType, requests, steps: [{id, status, ok, found, causes, advice}]}
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
  const command = readCommand(args);
  if ("problem" in command) {
    printError(command.problem);
    return 2;
  }
  const { json, help, refundNo } = command;
  if (help) {
    print(HELP);
    return 0;
  }
  const source = { ...config, env: (name: string) => config.env(name) || DEFAULTS[name] };
  const result = readConfig(source, { acceptUntypedSecrets: true });
  if (result.kind === "invalid") {
    if (json) print(JSON.stringify({ ok: false, problems: result.problems, steps: [] }));
    else printProblems(result.problems, printError);
    return 2;
  }
  for (const warning of result.warnings) printError(`Warning: ${warning}`);
  const { daxpay, sync } = result.config;
  const examination = await examine({ ...daxpay, ...sync }, deps, { refundNo });
  print(json ? formatJson(examination, daxpay) : formatText(examination, daxpay));
  return examination.ok ? 0 : 1;
}

/** The release is what the doctor finds out. */
const DEFAULTS: Readonly<Record<string, string>> = { DAXPAY_RELEASE: "documented" };

type Command =
  | { readonly problem: string }
  | { readonly json: boolean; readonly help: boolean; readonly refundNo: string | undefined };

const OPTIONS = {
  json: { type: "boolean" },
  help: { type: "boolean" },
  "refund-no": { type: "string" },
} as const;

/** Values are never displayed, since one may be a secret that was meant for the environment. */
function readCommand(args: readonly string[]): Command {
  // The strict mode's own errors quote values.
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const values = new Map<string, string | undefined>();
  for (const token of tokens) {
    if (token.kind !== "option" || !Object.hasOwn(OPTIONS, token.name)) {
      const got = token.kind === "option" ? JSON.stringify(token.rawName) : "another argument";
      return { problem: `expected --refund-no <number>, --json or --help, got ${got}` };
    }
    if (token.name !== "refund-no" && token.value !== undefined) {
      return { problem: `expected ${token.rawName} without a value, got one` };
    }
    values.set(token.name, token.value);
  }
  const refundNo = values.get("refund-no");
  if (values.has("refund-no") && !/^[^\p{C}\p{Z}-][^\p{C}\p{Z}]{0,99}$/u.test(refundNo ?? "")) {
    return { problem: "expected --refund-no <number> of 1 to 100 characters without white space, got none" };
  }
  return { json: values.has("json"), help: values.has("help"), refundNo };
}

if (import.meta.main) {
  process.exitCode = await doctor(process.argv.slice(2), {
    config: environment,
    deps: { fetch, now: Date.now, nonce: () => randomBytes(16).toString("hex") },
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
  });
}
