import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { doctor } from "../../src/cli/doctor.ts";
import { SANDBOX_KEYS } from "../../src/cli/sandbox-keys.ts";
import type { Cause, StepId, StepStatus } from "../../src/doctor/step.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";

/** Occurs in no text by chance. */
export const SECRET = "Kx7-plover-Quince";
export const APP_ID = "M8207639754663343";
export const MCH_NO = "M1745845174843";

/** The time of every test, at half a second, since DaxPay's times are cut to whole ones. */
export const NOW = Date.parse("2026-03-04T05:06:07.500Z");

interface Output {
  readonly ok: boolean;
  readonly requests: number;
  readonly steps: readonly {
    readonly id: StepId;
    readonly status: StepStatus;
    readonly ok: boolean | null;
    readonly found: string;
    readonly causes: readonly Cause[];
    readonly advice: readonly string[];
  }[];
}

/** What was found, by step; steps that passed are left out. */
export interface Findings {
  readonly failed: Readonly<Partial<Record<StepId, readonly Cause[]>>>;
  readonly warnings: Readonly<Partial<Record<StepId, readonly Cause[]>>>;
  readonly skipped: readonly StepId[];
}

export interface Run extends Output {
  readonly exitCode: number;
  readonly findings: Findings;
  /** The output for people. */
  readonly text: string;
}

export type Env = Readonly<Record<string, string>>;

export interface RunOptions {
  /** Milliseconds by which the doctor's clock is ahead of NOW. */
  readonly aheadMs?: number;
  readonly now?: number;
  readonly args?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs the command twice, for people and for scripts, and expects that neither output shows a secret. */
export async function run(
  env: Env,
  { aheadMs = 0, now = NOW, args = [], files = {} }: RunOptions = {},
): Promise<Run> {
  const outputs: string[] = [];
  const io = {
    config: { env: (name: string) => env[name], readFile: (path: string) => files[path], isTerminal: false },
    deps: { fetch, now: () => now + aheadMs, nonce: () => randomBytes(16).toString("hex") },
    print: (text: string) => void outputs.push(text),
    printError: (text: string) => void outputs.push(text),
  };
  const exitCode = await doctor(args, io);
  expect(await doctor([...args, "--json"], io)).toBe(exitCode);
  const [text, json] = outputs;
  expectNoSecrets(text + json);
  const output: Output = JSON.parse(json);
  expect(output.requests).toBeLessThanOrEqual(31);
  return { ...output, exitCode, text, findings: findingsOf(output) };
}

function findingsOf({ steps }: Output): Findings {
  const causesBy = (wanted: StepStatus) =>
    Object.fromEntries(steps.filter(({ status }) => status === wanted).map(({ id, causes }) => [id, causes]));
  return {
    failed: causesBy("failed"),
    warnings: causesBy("warning"),
    skipped: steps.filter(({ status }) => status === "skipped").map(({ id }) => id),
  };
}

/** No secret, no signed string, no signature. */
export function expectNoSecrets(output: string): void {
  expect(output.toLowerCase()).not.toContain(SECRET.toLowerCase());
  for (const line of SANDBOX_KEYS.DAXPAY_PRIVATE_KEY.split("\n").filter((line) => line.length > 32)) {
    expect(output).not.toContain(line);
  }
  expect(output).not.toContain("key=");
  expect(output).not.toMatch(/[0-9a-f]{32}/i);
}

/** Starts a sandbox with the secret for the duration of `use`. */
export async function withSandbox(
  options: SandboxOptions,
  use: (url: string, sandbox: Sandbox) => Promise<void>,
): Promise<void> {
  const secret = options.release === "4.0.0-beta" ? {} : { secret: SECRET };
  const sandbox = await createSandbox({ now: () => NOW, ...secret, appId: APP_ID, mchNo: MCH_NO, ...options });
  try {
    await use(sandbox.url, sandbox);
  } finally {
    await sandbox.close();
  }
}

/** Replies to every request alike, as a DaxPay does that verifies no signatures. */
export async function withReply(reply: Response, use: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => reply.clone());
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** The variables of a service in front of a DaxPay. */
export function envOf(url: string, release: string, more: Env = {}): Env {
  const identity = { DAXPAY_APP_ID: APP_ID, DAXPAY_MCH_NO: MCH_NO };
  const signing = release.startsWith("4") ? SANDBOX_KEYS : { DAXPAY_SIGN_SECRET: SECRET };
  return {
    DAXPAY_URL: url,
    DAXPAY_RELEASE: release,
    ...signing,
    ...(/^[34]/.test(release) ? identity : {}),
    ...more,
  };
}

const NO_WARNINGS: Findings["warnings"] = {};

/** What a sandbox of each release warns of as shipped. */
export const WARNINGS: Readonly<Record<string, Findings["warnings"]>> = {
  documented: NO_WARNINGS,
  "2.0.6": NO_WARNINGS,
  "2.0.7": NO_WARNINGS,
  "2.0.8": NO_WARNINGS,
  "3.0.0-beta4": { requestAge: ["REQUEST_AGE_UNLIMITED"] },
  "3.0.0": { clock: ["TIME_ZONE_UNCHECKED"], requestAge: ["REQUEST_AGE_UNLIMITED"] },
};

/** The checks that are skipped once a check before them has failed. */
export const AFTER_FAILURE: readonly StepId[] = ["query", "requestAge"];
export const AFTER_REJECTION: readonly StepId[] = ["reply", "query", "requestAge"];
