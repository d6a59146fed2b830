import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Attempt, configuredAttempt, otherAttempts } from "./attempt.ts";
import type { ConnectionFailure } from "./breakage.ts";
import type { Answer, Probe } from "./probe.ts";
import { interpret, type Interpretation, type Verdict } from "./verdict.ts";

/** An attempt that was answered. */
export interface ProbeResult {
  readonly attempt: Attempt;
  readonly answer: Answer;
  readonly saying: Interpretation;
}

/** What was tried; `fit` is the first that DaxPay let in, which is the configured one if all is well. */
export interface Search {
  readonly configured: ProbeResult;
  readonly trials: readonly ProbeResult[];
  readonly match: ProbeResult | undefined;
}

/** At most so many requests look for the way to ask that DaxPay accepts. */
const MAX_REQUESTS = 30;

/** Asks as configured and, where DaxPay does not let that in, in every other way that may still be right. */
export async function search(options: DaxPayOptions, probe: Probe): Promise<Search | ConnectionFailure> {
  const configured = await tryOut(configuredAttempt(options), probe);
  if (configured.kind === "breakage") return configured;
  const trials: ProbeResult[] = [configured];
  const excluded = new Set<string>();
  let fit = isAccepted(configured) ? configured : undefined;
  // A proxy or a DaxPay in trouble answers all attempts alike.
  if (fit || UNDIAGNOSABLE.includes(configured.saying.verdict)) return { configured, trials, match: fit };
  ruleOut(configured, excluded);

  for (const attempt of otherAttempts(options)) {
    if (probe.count() >= MAX_REQUESTS) break;
    if (excluded.has(attempt.path) || excluded.has(rowOf(attempt))) continue;
    const trial = await tryOut(attempt, probe);
    if (trial.kind === "breakage") {
      excluded.add(attempt.path);
      continue;
    }
    trials.push(trial);
    if (isAccepted(trial)) {
      fit = trial;
      break;
    }
    ruleOut(trial, excluded);
  }
  return { configured, trials, match: fit };
}

const UNDIAGNOSABLE: readonly Verdict[] = ["fault", "redirected"];

async function tryOut(
  attempt: Attempt,
  probe: Probe,
): Promise<ConnectionFailure | ProbeResult & { readonly kind: "trial" }> {
  const answer = await probe.send(attempt);
  return answer.kind === "breakage" ? answer : { kind: "trial", attempt, answer, saying: interpret(answer) };
}

function isAccepted({ saying }: ProbeResult): boolean {
  return saying.verdict === "accepted" || saying.verdict === "late";
}

/** Whether DaxPay serves something at the path, although it may not have accepted the request. */
export function isServed(trial: ProbeResult): boolean {
  return isAccepted(trial) || trial.saying.verdict === "refused" || trial.saying.verdict === "early";
}

/** Another signature helps only where this one was refused. */
function ruleOut({ attempt, saying }: ProbeResult, dead: Set<string>): void {
  if (saying.verdict === "early") dead.add(rowOf(attempt));
  else if (saying.verdict !== "refused") dead.add(attempt.path);
}

function rowOf({ release, path }: Attempt): string {
  return `${release} ${path}`;
}
