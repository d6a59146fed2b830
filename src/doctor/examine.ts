import type { ClientDeps, DaxPayOptions } from "../daxpay/client.ts";
import { type Clocks, clockStep } from "./clock.ts";
import { pathStep } from "./path.ts";
import { createProbe, type Probe } from "./probe.ts";
import { readTrial, type ReplyOptions, replyStep } from "./reply.ts";
import { isServed, type ProbeResult, type Search, search } from "./search.ts";
import { signatureStep } from "./signature.ts";
import { skipped, type Step, step } from "./step.ts";
import { interpret } from "./verdict.ts";

export interface Examination {
  readonly steps: readonly Step[];
  /** Whether the service will work with this DaxPay as it is configured. */
  readonly ok: boolean;
  /** How many requests were sent. */
  readonly requests: number;
}

/** Examines the configured DaxPay by asking for a refund that does not exist. Changes nothing and never throws. */
export async function examine(options: DaxPayOptions, world: ClientDeps): Promise<Examination> {
  const probe = createProbe(options, world);
  const steps = await stepsOf(options, probe);
  return { steps, ok: steps.every(({ ok }) => ok === true), requests: probe.count() };
}

async function stepsOf(options: DaxPayOptions, probe: Probe): Promise<Step[]> {
  const found = await search(options, probe);
  if ("kind" in found) {
    return [
      step("address", `${options.url.origin} cannot be used: ${found.found}`, [found.reason]),
      ...(["path", "signature", "reply", "clock"] as const).map((id) => skipped(id, "not examined")),
    ];
  }
  const settled = await settle(found.match, probe);
  return [
    step("address", `${options.url.origin} answers`),
    pathStep(found, options),
    signatureStep(found, options),
    settled
      ? replyStep(settled, { daxpay: options, query: probe.query })
      : skipped("reply", "not examined, because DaxPay accepted no request"),
    found.trials.some(isServed)
      ? clockStep(clocksOf(found, settled, { daxpay: options, query: probe.query }), options)
      : skipped("clock", "not examined, because no request came so far"),
  ];
}

/** A request whose time alone was refused is made again by DaxPay's clock, so that its reply can be examined too. */
async function settle(fit: ProbeResult | undefined, probe: Probe): Promise<ProbeResult | undefined> {
  if (fit?.saying.verdict !== "late") return fit;
  const aheadMs = headerMsOf(fit);
  if (aheadMs === undefined) return undefined;
  const answer = await probe.send(fit.attempt, aheadMs);
  if (answer.kind === "breakage") return undefined;
  const saying = interpret(answer);
  return saying.verdict === "accepted" ? { attempt: fit.attempt, answer, saying } : undefined;
}

function clocksOf(
  { configured, match: fit }: Search,
  settled: ProbeResult | undefined,
  options: ReplyOptions,
): Clocks {
  return {
    release: (fit ?? configured).attempt.release,
    verifiedMs: verifiedMsOf(settled, options),
    headerMs: headerMsOf(settled ?? fit ?? configured),
    refusal: fit?.saying.verdict === "late" ? fit.saying.text : undefined,
  };
}

/** The reader gives the least difference that a time cut to the second leaves open; half a second more is likeliest. */
function verifiedMsOf(settled: ProbeResult | undefined, options: ReplyOptions): number | undefined {
  const skewMs = settled && readTrial(settled, options).skewMs;
  return skewMs === undefined ? undefined : skewMs + 500 * Math.sign(skewMs);
}

/** The Date header is cut to the second, so on average half a second has passed since. */
function headerMsOf({ answer }: ProbeResult): number | undefined {
  return answer.date === undefined ? undefined : answer.date + 500 - answer.arrivedAt;
}
