import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { doctor } from "../../src/cli/doctor.ts";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";

/** Occurs in no text by chance. */
export const SECRET = "Kx7-plover-Quince";
export const APP_ID = "M8207639754663343";
export const MCH_NO = "M1745845174843";

/** When everything happens; half a second, since DaxPay's times are cut to whole ones. */
export const NOW = Date.parse("2026-03-04T05:06:07.500Z");

export interface Told {
  readonly exitCode: number;
  readonly ok: boolean;
  readonly requests: number;
  readonly steps: readonly { id: string; ok: boolean | null; found: string; causes: string[]; advice: string[] }[];
  /** For people. */
  readonly page: string;
  /** `path: WRONG_RELEASE` for each cause. */
  readonly causes: readonly string[];
}

export type Env = Readonly<Record<string, string>>;

/** Runs the command twice, for people and for machines, and expects that no output gives anything away. */
export async function run(
  env: Env,
  { aheadMs = 0, now = NOW }: { aheadMs?: number; now?: number } = {},
): Promise<Told> {
  const outputs: string[] = [];
  const surroundings = {
    config: { env: (name: string) => env[name], readFile: () => "", isTerminal: false },
    deps: {
      fetch,
      now: () => now + aheadMs,
      nonce: () => randomBytes(16).toString("hex"),
    },
    print: (text: string) => void outputs.push(text),
    printError: (text: string) => void outputs.push(text),
  };
  const exitCode = await doctor([], surroundings);
  expect(await doctor(["--json"], surroundings)).toBe(exitCode);
  expectDiscreet(outputs.join("\n"));
  const [page, json] = outputs;
  const told = JSON.parse(json);
  const causes = told.steps.flatMap(({ id, causes }: Told["steps"][number]) =>
    causes.map((cause) => `${id}: ${cause}`)
  );
  expect(told.requests).toBeLessThanOrEqual(31);
  return { ...told, exitCode, page, causes };
}

/** No secret, no signed string, no signature. */
export function expectDiscreet(output: string): void {
  expect(output).not.toContain(SECRET);
  expect(output).not.toContain("key=");
  expect(output).not.toMatch(/[0-9a-f]{32}/i);
}

/** A sandbox with the secret, for as long as the test examines it. */
export async function withSandbox(
  options: SandboxOptions,
  use: (url: string, sandbox: Awaited<ReturnType<typeof createSandbox>>) => Promise<void>,
): Promise<void> {
  const sandbox = await createSandbox({ now: () => NOW, secret: SECRET, appId: APP_ID, mchNo: MCH_NO, ...options });
  try {
    await use(sandbox.url, sandbox);
  } finally {
    await sandbox.close();
  }
}

/** The variables of a service that asks `release` at `url`. */
export function envOf(url: string, release: string, more: Env = {}): Env {
  const identity = { DAXPAY_APP_ID: APP_ID, DAXPAY_MCH_NO: MCH_NO };
  return {
    DAXPAY_URL: url,
    DAXPAY_RELEASE: release,
    DAXPAY_SIGN_SECRET: SECRET,
    ...(release.startsWith("3") ? identity : {}),
    ...more,
  };
}

/** A mark for each step: `✓✓✗–✓`. */
export function marks({ steps }: Told): string {
  return steps.map(({ ok }) => (ok === null ? "–" : ok ? "✓" : "✗")).join("");
}
