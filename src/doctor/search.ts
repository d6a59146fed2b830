import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Attempt, configuredAttempt, otherAttempts } from "./attempt.ts";
import type { Breakage } from "./breakage.ts";
import type { Answer, Probe } from "./probe.ts";
import { type Saying, sayingOf, type Verdict } from "./verdict.ts";

/** An attempt that was answered. */
export interface Trial {
  readonly attempt: Attempt;
  readonly answer: Answer;
  readonly saying: Saying;
}

/** What was tried; `fit` is the first that DaxPay let in, which is the configured one if all is well. */
export interface Search {
  readonly configured: Trial;
  readonly trials: readonly Trial[];
  readonly fit: Trial | undefined;
}

/** At most so many requests look for the way to ask that DaxPay accepts. */
const MAX_REQUESTS = 30;

/** Asks as configured and, where DaxPay does not let that in, in every other way that may still be right. */
export async function search(options: DaxPayOptions, probe: Probe): Promise<Search | Breakage> {
  const configured = await tryOut(configuredAttempt(options), probe);
  if (configured.kind === "breakage") return configured;
  const trials: Trial[] = [configured];
  const dead = new Set<string>();
  let fit = isLetIn(configured) ? configured : undefined;
  // A proxy or a DaxPay in trouble answers all attempts alike.
  if (fit || SENSELESS.includes(configured.saying.verdict)) return { configured, trials, fit };
  bury(configured, dead);

  for (const attempt of otherAttempts(options)) {
    if (probe.count() >= MAX_REQUESTS) break;
    if (dead.has(attempt.path) || dead.has(rowOf(attempt))) continue;
    const trial = await tryOut(attempt, probe);
    if (trial.kind === "breakage") {
      dead.add(attempt.path);
      continue;
    }
    trials.push(trial);
    if (isLetIn(trial)) {
      fit = trial;
      break;
    }
    bury(trial, dead);
  }
  return { configured, trials, fit };
}

const SENSELESS: readonly Verdict[] = ["fault", "redirected"];

async function tryOut(attempt: Attempt, probe: Probe): Promise<Breakage | Trial & { readonly kind: "trial" }> {
  const answer = await probe.ask(attempt);
  return answer.kind === "breakage" ? answer : { kind: "trial", attempt, answer, saying: sayingOf(answer) };
}

function isLetIn({ saying }: Trial): boolean {
  return saying.verdict === "accepted" || saying.verdict === "late";
}

/** Whether DaxPay serves something at the path, although it may not have accepted the request. */
export function isServed(trial: Trial): boolean {
  return isLetIn(trial) || trial.saying.verdict === "refused" || trial.saying.verdict === "early";
}

/** Another signature helps only where this one was refused. */
function bury({ attempt, saying }: Trial, dead: Set<string>): void {
  if (saying.verdict === "early") dead.add(rowOf(attempt));
  else if (saying.verdict !== "refused") dead.add(attempt.path);
}

function rowOf({ release, path }: Attempt): string {
  return `${release} ${path}`;
}
