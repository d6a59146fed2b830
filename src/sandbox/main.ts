import process from "node:process";
import { parseArgs } from "node:util";
import type { SandboxOptions } from "./options.ts";
import { FAMILIES, REFUNDS } from "./refunds.ts";
import { RELEASE_NAMES, type ReleaseName } from "./release.ts";
import { createSandbox } from "./sandbox.ts";
import { type Algorithm, ALGORITHMS } from "./signer.ts";

const DEFAULT_PORT = 9000;

const HELP = `An embedded DaxPay for development and tests

  --release    ${RELEASE_NAMES.join(", ")} (documented)
  --host       address to listen on (127.0.0.1)
  --port       0 takes a free one (${DEFAULT_PORT}, DaxPay's own)
  --secret     signing secret (123456)
  --sign-type  ${ALGORITHMS.join(", ")} (HMAC_SHA256)
  --latency    how long the payment channel takes, in milliseconds (0)
  --help       this page`;

export type Command = { readonly options: SandboxOptions } | { readonly help: string } | { readonly mistake: string };

/** Reads the command line without acting on it. */
export function readCommand(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        release: { type: "string", default: "documented" },
        host: { type: "string", default: "127.0.0.1" },
        port: { type: "string", default: String(DEFAULT_PORT) },
        secret: { type: "string", default: "123456" },
        "sign-type": { type: "string", default: "HMAC_SHA256" },
        latency: { type: "string", default: "0" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { help: HELP };
    return {
      options: {
        release: oneOf<ReleaseName>(RELEASE_NAMES, "--release", values.release),
        host: values.host,
        port: wholeNumber("--port", values.port, 65_535),
        secret: values.secret,
        signType: oneOf<Algorithm>(ALGORITHMS, "--sign-type", values["sign-type"]),
        latencyMs: wholeNumber("--latency", values.latency, 3_600_000),
      },
    };
  } catch (error) {
    return { mistake: error instanceof Error ? error.message : String(error) };
  }
}

function oneOf<Name extends string>(names: readonly Name[], flag: string, found: string): Name {
  const name = names.find((name) => name === found);
  if (name === undefined) throw new RangeError(`Found "${found}" for ${flag}, wanted one of ${names.join(", ")}`);
  return name;
}

function wholeNumber(flag: string, found: string, most: number): number {
  if (!/^\d{1,9}$/.test(found) || Number(found) > most) {
    throw new RangeError(`Found "${found}" for ${flag}, wanted a whole number from 0 to ${most}`);
  }
  return Number(found);
}

function refundTable(): string {
  const rows = [
    ...REFUNDS.map(({ refundNo, bizRefundNo, meaning }) => [refundNo, bizRefundNo, meaning]),
    ...FAMILIES.map(({ pattern, meaning }) => [pattern, pattern, meaning]),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([a, b, meaning]) => `  ${a.padEnd(first)}  ${b.padEnd(second)}  ${meaning}`).join("\n");
}

async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  if ("help" in command) return console.log(command.help);
  if ("mistake" in command) {
    console.error(`${command.mistake}\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  try {
    const { options } = command;
    const sandbox = await createSandbox(options);
    console.log(`DaxPay sandbox (${options.release}) listens on ${sandbox.url}\n\n${refundTable()}`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void sandbox.close());
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = error instanceof RangeError ? 2 : 1;
  }
}

if (import.meta.main) await main();
