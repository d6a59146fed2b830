import type { Logger } from "@logtape/logtape";
import type { AccountConfig } from "../config/accounts.ts";
import type { Config } from "../config/read.ts";
import { type Examination, examine } from "../doctor/examine.ts";
import { STEP_TITLES } from "../doctor/step.ts";
import type { Dependencies } from "./dependencies.ts";

export interface CheckOptions {
  readonly config: Config;
  readonly dependencies: Dependencies;
  readonly logger: Logger;
}

/** Milliseconds until DaxPay is checked in the background: the first callers come first. */
const CHECK_DELAY_MS = 1_000;

/** With DAXPAY_CHECK=warn, runs the doctor's checks soon and logs what they find. Returns what cancels them. */
export function scheduleCheck(options: CheckOptions, stop: AbortSignal): () => void {
  const { config, dependencies: { clock } } = options;
  if (config.check !== "warn") return () => {};
  return clock.after(CHECK_DELAY_MS, async () => {
    for (const account of config.accounts.values()) {
      if (!stop.aborted) await checkAccount(account, options, stop);
    }
  });
}

/** Runs the doctor's checks and logs what they find, unless the signal has aborted by then. Never throws. */
async function checkAccount(
  { name, daxpay, sync }: AccountConfig,
  { dependencies: { fetch, nonce, clock }, logger }: CheckOptions,
  signal?: AbortSignal,
): Promise<Examination> {
  const result = await examine({ ...daxpay, ...sync }, { fetch, nonce, now: () => clock.now() });
  if (!signal?.aborted) logResult(result, logger.with({ account: name }));
  return result;
}

/** With DAXPAY_CHECK=require, throws if a check of an account fails. */
export async function requireDaxPay(options: CheckOptions): Promise<void> {
  if (options.config.check !== "require") return;
  const failed: string[] = [];
  for (const account of options.config.accounts.values()) {
    const { steps, ok } = await checkAccount(account, options);
    if (ok) continue;
    for (const { id, status, found } of steps) {
      if (status === "failed") failed.push(`account ${account.name}: ${STEP_TITLES[id]}: ${found}`);
    }
  }
  if (failed.length === 0) return;
  throw new Error(`DAXPAY_CHECK: expected every check of DaxPay to pass, got ${failed.join("; ")}`);
}

function logResult({ steps, ok, requests }: Examination, logger: Logger): void {
  for (const { id, status, found, reasons } of steps) {
    if (status !== "failed" && status !== "warning") continue;
    logger[status === "failed" ? "error" : "warn"]("DaxPay check {check}: {found}. {advice}", {
      check: STEP_TITLES[id],
      found,
      causes: reasons.map(({ cause }) => cause),
      advice: reasons.map(({ advice }) => `${advice}.`).join(" "),
    });
  }
  if (ok) logger.info("DaxPay checks passed after {requests} requests", { requests });
  else logger.error("DaxPay checks failed after {requests} requests; `deno task doctor` repeats them", { requests });
}
