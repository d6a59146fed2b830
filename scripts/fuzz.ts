import process from "node:process";
import { readArgumentsOrExit, wholeNumber } from "../src/cli/arguments.ts";

const HELP = `Fuzzes the reply reader with generated bodies

  --runs <n>  number of bodies per test (100000)
  --help      this page`;

/** Runs the fuzz tests with many more bodies than the gate does, and returns their exit code. */
async function fuzz(): Promise<number> {
  const runs = readArgumentsOrExit({
    options: { runs: { type: "string", default: "100000" } },
    help: () => HELP,
    read: ({ runs }) => wholeNumber("--runs", runs, { min: 1, max: 100_000_000 }),
  });
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "npm:vitest", "run", "test/daxpay/fuzz.test.ts"],
    env: { FUZZ_RUNS: String(runs) },
  }).spawn().status;
  return code;
}

if (import.meta.main) process.exit(await fuzz());
