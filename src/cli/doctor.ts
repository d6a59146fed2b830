import { randomBytes } from "node:crypto";
import process from "node:process";
import { environment, printProblems } from "../config/load.ts";
import { type ConfigSource, readConfig } from "../config/read.ts";
import type { ClientDeps } from "../daxpay/client.ts";
import { examine } from "../doctor/examine.ts";
import { jsonOf, pageOf } from "../doctor/print.ts";

const HELP = `Checks a DaxPay server using the service's own configuration (DAXPAY_RELEASE may be unset)

Asks for a refund that does not exist, so nothing changes in DaxPay. Steps: address, path, signature, reply, clock.

  --json  print one JSON object
  --help  print this help

Exit codes: 0 every check passed, 1 a check failed, 2 invalid configuration or arguments`;

/** What the command takes from its surroundings. */
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
  if (command.help) {
    print(HELP);
    return 0;
  }
  const result = readConfig({ ...config, env: (name) => config.env(name) || DEFAULTS[name] });
  if (result.kind === "invalid") {
    if (command.json) print(JSON.stringify({ ok: false, problems: result.problems, steps: [] }));
    else printProblems(result.problems, printError);
    return 2;
  }
  const { daxpay } = result.config;
  const examination = await examine(daxpay, deps);
  print(command.json ? jsonOf(examination, daxpay) : pageOf(examination, daxpay));
  return examination.ok ? 0 : 1;
}

/** The release is what the doctor finds out. */
const DEFAULTS: Readonly<Record<string, string>> = { DAXPAY_RELEASE: "documented" };

type Command = { readonly problem: string } | { readonly json: boolean; readonly help: boolean };

const FLAGS = ["--json", "--help"];

function readCommand(args: readonly string[]): Command {
  const wrong = args.find((arg) => !FLAGS.includes(arg));
  if (wrong !== undefined) return { problem: `expected ${FLAGS.join(" or ")}, got ${nameOf(wrong)}` };
  return { json: args.includes("--json"), help: args.includes("--help") };
}

/** Only a flag's name is displayed: its value may be a secret that was meant for the environment. */
function nameOf(argument: string): string {
  return argument.startsWith("-") ? JSON.stringify(argument.split("=")[0]) : "an argument that is no flag";
}

if (import.meta.main) {
  process.exitCode = await doctor(process.argv.slice(2), {
    config: environment,
    deps: { fetch, now: Date.now, nonce: () => randomBytes(16).toString("hex") },
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
  });
}
