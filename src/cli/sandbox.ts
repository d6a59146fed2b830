import process from "node:process";
import { ADMIN_CALLS } from "../sandbox/admin.ts";
import type { SandboxOptions } from "../sandbox/options.ts";
import { FAMILIES, REFUNDS } from "../sandbox/refunds.ts";
import { RELEASE_NAMES, type ReleaseName } from "../sandbox/release.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { type Algorithm, ALGORITHMS } from "../sandbox/signer.ts";
import { oneOf, readArgumentsOrExit, wholeNumber } from "./arguments.ts";

const DEFAULT_PORT = 9000;

const USAGE = `An embedded DaxPay for development and tests

  --release         ${RELEASE_NAMES.join(", ")} (documented)
  --host            address to listen on (127.0.0.1)
  --port            0 takes a free one (${DEFAULT_PORT}, DaxPay's own)
  --secret          signing secret (123456)
  --sign-type       ${ALGORITHMS.join(", ")} (HMAC_SHA256)
  --latency         response time of the payment channel, in milliseconds (0)
  --verify-first    2.0.7, 2.0.8: check no request signature, as some builds do
  --shipped-tables  2.0.8: fail as the tables of its MySQL script make it
  --help            this page, with refunds and calls`;

/** Reads the command line. */
function readOptions(): SandboxOptions {
  return readArgumentsOrExit({
    options: {
      release: { type: "string", default: "documented" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: String(DEFAULT_PORT) },
      secret: { type: "string", default: "123456" },
      "sign-type": { type: "string", default: "HMAC_SHA256" },
      latency: { type: "string", default: "0" },
      "verify-first": { type: "boolean" },
      "shipped-tables": { type: "boolean" },
    },
    help: helpText,
    read: (values) => ({
      release: oneOf<ReleaseName>(RELEASE_NAMES, "--release", values.release),
      host: values.host,
      port: wholeNumber("--port", values.port, { max: 65_535 }),
      secret: values.secret,
      signType: oneOf<Algorithm>(ALGORITHMS, "--sign-type", values["sign-type"]),
      latencyMs: wholeNumber("--latency", values.latency, { max: 3_600_000 }),
      verifyFirst: values["verify-first"],
      shippedTables: values["shipped-tables"],
    }),
  });
}

function helpText(): string {
  const calls = table(Object.entries(ADMIN_CALLS).map(([call, { description }]) => [call, description]));
  return `${USAGE}\n\nRefunds by refundNo and bizRefundNo:\n\n${refundTable()}\n\nControl by JSON over HTTP:\n\n${calls}`;
}

function refundTable(): string {
  return table([
    ...REFUNDS.map(({ refundNo, bizRefundNo, description }) => [refundNo, bizRefundNo, description]),
    ...FAMILIES.map(({ pattern, description }) => [pattern, pattern, description]),
  ]);
}

/** Lines of columns that are as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()}`).join(
    "\n",
  );
}

async function main(): Promise<void> {
  const options = readOptions();
  try {
    const sandbox = await createSandbox(options);
    console.log(`DaxPay sandbox (${options.release}) listens on ${sandbox.url}\n\n${refundTable()}`);
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void sandbox.close());
  } catch (error) {
    console.error(problemOf(error, options));
    process.exitCode = error instanceof RangeError ? 2 : 1;
  }
}

function problemOf(error: unknown, { host, port }: SandboxOptions): string {
  if (!(error instanceof Error)) return String(error);
  if (!("code" in error)) return error.message;
  return error.code === "EADDRINUSE"
    ? `--port: expected a free port, got ${port}, which is in use`
    : `Cannot listen on --host ${host}, --port ${port}: ${error.message}`;
}

if (import.meta.main) await main();
