import type { DaxPayOptions } from "../daxpay/client.ts";
import type { Examination } from "./examine.ts";
import { STEP_TITLES } from "./step.ts";

/** For people. */
export function pageOf({ steps, ok, requests }: Examination, { url, release, signType }: DaxPayOptions): string {
  const lines = [`DaxPay at ${url.href}, asked as ${release} with ${signType}`, ""];
  for (const { id, ok, found, reasons } of steps) {
    lines.push(`${ok === null ? "–" : ok ? "✓" : "✗"} ${STEP_TITLES[id]}: ${found}`);
    for (const { advice } of reasons) lines.push(`  → ${advice}`);
  }
  lines.push("", `${ok ? "All is well" : "Not all is well"} (${requests} ${requests === 1 ? "request" : "requests"})`);
  return lines.join("\n");
}

/** For machines: one JSON object on one line. */
export function jsonOf({ steps, ok, requests }: Examination, { url, release, signType }: DaxPayOptions): string {
  return JSON.stringify({
    ok,
    url: url.href,
    release,
    signType,
    requests,
    steps: steps.map(({ id, ok, found, reasons }) => ({
      id,
      ok,
      found,
      causes: reasons.map(({ cause }) => cause),
      advice: reasons.map(({ advice }) => advice),
    })),
  });
}
