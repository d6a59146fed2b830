import process from "node:process";
import { ADMIN_CALLS } from "../sandbox/admin.ts";
import { DEVELOPMENT_KEYS } from "../sandbox/keys.ts";
import type { SandboxOptions } from "../sandbox/options.ts";
import { FAMILIES, REFUNDS } from "../sandbox/refunds.ts";
import { RELEASE_NAMES, type ReleaseName } from "../sandbox/release.ts";
import { BETA_STATES, type BetaState } from "../sandbox/release4.ts";
import { createSandbox } from "../sandbox/sandbox.ts";
import { type Algorithm, ALGORITHMS } from "../sandbox/signer.ts";
import { oneOf, readArgumentsOrExit, wholeNumber } from "./arguments.ts";

const DEFAULT_PORT = 9000;

const USAGE = `An embedded DaxPay for development and tests

  --release         ${RELEASE_NAMES.join(", ")} (documented)
  --host            address to listen on (127.0.0.1)
  --port            0 takes a free one (${DEFAULT_PORT}, DaxPay's own)
  --beta            4.0.0-beta: its state, ${BETA_STATES.join(", ")} (the last)
  --secret          2.x, 3.x: signing secret (123456)
  --sign-type       2.x, 3.x: ${ALGORITHMS.join(", ")} (HMAC_SHA256)
  --latency         response time of the payment channel, in milliseconds (0)
  --notice-url      where the notices of refunds go that have ended (nowhere)
  --replay-guard    4.0.0-beta: accept each nonce once, and no request time more than 300 s off
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
      beta: { type: "string" },
      secret: { type: "string" },
      "sign-type": { type: "string" },
      latency: { type: "string", default: "0" },
      "notice-url": { type: "string" },
      "replay-guard": { type: "boolean" },
      "verify-first": { type: "boolean" },
      "shipped-tables": { type: "boolean" },
    },
    help: helpText,
    read: (values) => ({
      release: oneOf<ReleaseName>(RELEASE_NAMES, "--release", values.release),
      host: values.host,
      port: wholeNumber("--port", values.port, { max: 65_535 }),
      beta: optional(values.beta, (name) => oneOf<BetaState>(BETA_STATES, "--beta", name)),
      secret: values.secret,
      signType: optional(values["sign-type"], (name) => oneOf<Algorithm>(ALGORITHMS, "--sign-type", name)),
      latencyMs: wholeNumber("--latency", values.latency, { max: 3_600_000 }),
      noticeUrl: optional(values["notice-url"], readUrl),
      enforceNonce: values["replay-guard"],
      enforceRequestTime: values["replay-guard"] || undefined,
      verifyFirst: values["verify-first"],
      shippedTables: values["shipped-tables"],
    }),
  });
}

function optional<Result>(value: string | undefined, read: (value: string) => Result): Result | undefined {
  return value === undefined ? undefined : read(value);
}

function readUrl(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new RangeError(`--notice-url: expected an http or https URL, got "${text}"`);
}

function helpText(): string {
  const calls = table(Object.entries(ADMIN_CALLS).map(([call, { description }]) => [call, description]));
  return `${USAGE}\n\nRefunds by refundNo and bizRefundNo:\n\n${refundTable()}\n\nControl by JSON over HTTP:\n\n${calls}`;
}

/** What a client of 4.x is configured with. */
function keyText(): string {
  const { merchant, platform } = DEVELOPMENT_KEYS;
  return `Development keys: the merchant's private key, which signs requests, and the platform's public key, which verifies
replies

${merchant.privateKey}
${platform.publicKey}`;
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
    if (options.release === "4.0.0-beta") console.log(`\n${keyText()}`);
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
