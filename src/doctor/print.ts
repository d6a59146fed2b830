import type { DaxPayOptions } from "../daxpay/client.ts";
import { signsWithKeys } from "../daxpay/release.ts";
import type { Examination } from "./examine.ts";
import { type Step, STEP_TITLES, type StepStatus } from "./step.ts";

/** What was checked. */
export interface CheckedAccount extends DaxPayOptions {
  readonly account: string;
}

/** What the configured release signs with. */
function signingOf({ release, signType }: DaxPayOptions): string {
  return signsWithKeys(release) ? "RSA" : signType;
}

const MARKS: Readonly<Record<StepStatus, string>> = { passed: "✓", warning: "!", failed: "✗", skipped: "–" };

/** Formats the result for people. */
export function formatText({ steps, requests }: Examination, options: CheckedAccount): string {
  const lines = [
    `Account ${options.account}: DaxPay at ${options.url.href}, checked as ${options.release} with ${
      signingOf(options)
    }`,
    "",
  ];
  for (const { id, status, found, reasons } of steps) {
    lines.push(`${MARKS[status]} ${STEP_TITLES[id]}: ${found}`);
    for (const { advice } of reasons) lines.push(`  → ${advice}`);
  }
  lines.push("", `${summarize(steps)} (${count(requests, "request")})`);
  return lines.join("\n");
}

function summarize(steps: readonly Step[]): string {
  const number = (wanted: StepStatus) => steps.filter(({ status }) => status === wanted).length;
  const parts = [number("failed") === 0 ? "All checks passed" : `${count(number("failed"), "check")} failed`];
  if (number("warning") > 0) parts.push(count(number("warning"), "warning"));
  if (number("skipped") > 0) parts.push(`${number("skipped")} skipped`);
  return parts.join(", ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * Formats the result for scripts: one JSON object on one line. `ok` is the exit code's; of a step, it is true also with
 * warnings and null if the step was skipped. New members, steps and causes may be added; none are renamed or removed.
 */
export function formatJson({ steps, ok, requests }: Examination, options: CheckedAccount): string {
  return JSON.stringify({
    ok,
    account: options.account,
    url: options.url.href,
    release: options.release,
    signType: signingOf(options),
    requests,
    steps: steps.map(({ id, status, found, reasons }) => ({
      id,
      status,
      ok: status === "skipped" ? null : status !== "failed",
      found,
      causes: reasons.map(({ cause }) => cause),
      advice: reasons.map(({ advice }) => advice),
    })),
  });
}
