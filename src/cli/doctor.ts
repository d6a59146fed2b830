import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { type ConfigSource, readConfig } from "../config/config.ts";
import type { ClientDeps } from "../daxpay/client.ts";
import { examine } from "../doctor/examine.ts";
import { jsonOf, pageOf } from "../doctor/print.ts";

const HELP = `Examines the DaxPay that the environment names, with the service's own variables

It asks for a refund that does not exist, so nothing changes in DaxPay. Steps: address, path, signature, reply, clock.

  --json  one JSON object instead of a page
  --help  this page

Exit codes: 0 all is well, 1 something is not, 2 the configuration or the command line is wrong`;

/** What the command takes from its surroundings. */
export interface CommandIo {
  readonly config: ConfigSource;
  readonly world: ClientDeps;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
}

/** Runs the command and returns its exit code. */
export async function doctor(args: readonly string[], { config, world, print, printError }: CommandIo) {
  const command = readCommand(args);
  if ("mistake" in command) {
    printError(command.mistake);
    return 2;
  }
  if (command.help) {
    print(HELP);
    return 0;
  }
  const result = readConfig(config);
  if (result.kind === "invalid") {
    if (command.json) print(JSON.stringify({ ok: false, mistakes: result.problems, steps: [] }));
    else {
      printError(`Cannot examine, the configuration has ${result.problems.length} mistake(s):`);
      for (const mistake of result.problems) printError(`- ${mistake}`);
      printError("See .env.example for every variable.");
    }
    return 2;
  }
  const { daxpay } = result.config;
  const examination = await examine(daxpay, world);
  print(command.json ? jsonOf(examination, daxpay) : pageOf(examination, daxpay));
  return examination.ok ? 0 : 1;
}

type Command = { readonly mistake: string } | { readonly json: boolean; readonly help: boolean };

const FLAGS = ["--json", "--help"];

function readCommand(args: readonly string[]): Command {
  const wrong = args.find((arg) => !FLAGS.includes(arg));
  if (wrong !== undefined) return { mistake: `Found ${named(wrong)}, wanted ${FLAGS.join(" or ")}` };
  return { json: args.includes("--json"), help: args.includes("--help") };
}

/** Only a flag's name is shown: its value may be a secret that was meant for the environment. */
function named(argument: string): string {
  return argument.startsWith("-") ? JSON.stringify(argument.split("=")[0]) : "an argument that is no flag";
}

if (import.meta.main) {
  process.exitCode = await doctor(process.argv.slice(2), {
    config: {
      env: (name) => Deno.env.get(name),
      readFile: (path) => readFileSync(path, "utf8"),
      isTerminal: false,
    },
    world: { fetch, now: Date.now, nonce: () => randomBytes(16).toString("hex") },
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
  });
}
