import type { DaxPayOptions } from "../daxpay/client.ts";
import { type Attempt, configuredAttempt, otherAttempts } from "./attempt.ts";
import type { ConnectionFailure } from "./connection-failure.ts";
import { interpret, type Interpretation, type Verdict } from "./interpretation.ts";
import type { Answer, Probe, ProbeOptions } from "./probe.ts";

/** An attempt that was answered. */
export interface ProbeResult {
  readonly kind: "result";
  readonly attempt: Attempt;
  readonly answer: Answer;
  readonly interpretation: Interpretation;
}

export interface Search {
  readonly configured: ProbeResult;
  /** All of them, the configured one first. */
  readonly results: readonly ProbeResult[];
  /** The first that DaxPay accepted. */
  readonly match: ProbeResult | undefined;
}

/** Maximum number of requests of a search. */
const MAX_REQUESTS = 30;

/** Sends the configured request and, if DaxPay does not accept it, every other one that may still be right. */
export async function search(options: DaxPayOptions, probe: Probe): Promise<Search | ConnectionFailure> {
  const configured = await attemptOnce(configuredAttempt(options), probe);
  if (configured.kind === "connectionFailure") return configured;
  const results: ProbeResult[] = [configured];
  if (isAccepted(configured)) return { configured, results, match: configured };
  // A proxy or a DaxPay in trouble answers all attempts alike.
  if (UNDIAGNOSABLE.includes(configured.interpretation.verdict)) return { configured, results, match: undefined };
  const excluded = new Set<string>();
  exclude(configured, excluded);
  for (const attempt of otherAttempts(options)) {
    if (probe.count() >= MAX_REQUESTS) break;
    if (excluded.has(attempt.path) || excluded.has(rowOf(attempt))) continue;
    const result = await attemptOnce(attempt, probe);
    if (result.kind === "connectionFailure") {
      excluded.add(attempt.path);
      continue;
    }
    results.push(result);
    if (isAccepted(result)) return { configured, results, match: result };
    exclude(result, excluded);
  }
  return { configured, results, match: undefined };
}

export async function attemptOnce(
  attempt: Attempt,
  probe: Probe,
  options?: ProbeOptions,
): Promise<ConnectionFailure | ProbeResult> {
  const answer = await probe.send(attempt, options);
  if (answer.kind === "connectionFailure") return answer;
  return { kind: "result", attempt, answer, interpretation: interpret(answer) };
}

const UNDIAGNOSABLE: readonly Verdict[] = ["failed", "redirected"];

function isAccepted({ interpretation: { verdict } }: ProbeResult): boolean {
  return verdict === "accepted" || verdict === "clockRejected";
}

/** Whether DaxPay serves the path, although it may not have accepted the request. */
export function isServed(result: ProbeResult): boolean {
  const { verdict } = result.interpretation;
  return isAccepted(result) || verdict === "signatureRejected" || verdict === "rejectedBeforeSignature";
}

/** Another signature helps only where this one was rejected. */
function exclude({ attempt, interpretation: { verdict } }: ProbeResult, excluded: Set<string>): void {
  if (verdict === "rejectedBeforeSignature") excluded.add(rowOf(attempt));
  else if (verdict !== "signatureRejected") excluded.add(attempt.path);
}

function rowOf({ release, path }: Attempt): string {
  return `${release} ${path}`;
}
