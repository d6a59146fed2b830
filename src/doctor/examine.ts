import type { ClientDeps } from "../daxpay/client.ts";
import { type Clocks, clockStep, isZoned } from "./clock.ts";
import type { DoctorOptions } from "./options.ts";
import { pathStep } from "./path.ts";
import { createProbe, type Probe } from "./probe.ts";
import { checkQuery } from "./query.ts";
import { checkRefund, type RefundCheck } from "./refund.ts";
import { readResult, replyStep } from "./reply.ts";
import { checkRequestAge } from "./request-age.ts";
import { attemptOnce, type ProbeResult, type Search, search } from "./search.ts";
import { secretsOf } from "./secret.ts";
import { checkVerification, signatureStep } from "./signature.ts";
import { skipped, type Step, step, type StepId } from "./step.ts";
import { otherZoneShifts } from "./zone.ts";

export interface ExamineOptions {
  /** DaxPay's number of a real refund, which is queried and never synced. */
  readonly refundNo?: string;
}

export interface Examination {
  readonly steps: readonly Step[];
  /** Whether no check failed. */
  readonly ok: boolean;
  /** Number of requests sent. */
  readonly requests: number;
}

/**
 * Checks the configured DaxPay. Syncs only a refund that cannot exist, so that nothing changes. Never throws, given a
 * configuration that the service accepts.
 */
export async function examine(
  options: DoctorOptions,
  deps: ClientDeps,
  { refundNo }: ExamineOptions = {},
): Promise<Examination> {
  using probe = createProbe(options, deps);
  const steps = withoutSecrets(await stepsOf(options, deps, probe, refundNo), options);
  return { steps, ok: steps.every(({ status }) => status !== "failed"), requests: probe.count() };
}

async function stepsOf(
  options: DoctorOptions,
  deps: ClientDeps,
  probe: Probe,
  refundNo: string | undefined,
): Promise<Step[]> {
  const skip = (ids: readonly StepId[], why: string) => ids.map((id) => skipped(id, why));
  const onDemand: readonly StepId[] = refundNo === undefined ? [] : ["refund"];
  const found = await search(options, probe);
  if ("kind" in found) {
    return [
      step("address", `cannot use ${options.url.origin}: ${found.found}`, [found.reason]),
      ...skip(["path", "signature", "reply", "query", "clock", "requestAge", ...onDemand], "not checked"),
    ];
  }
  const { configured, match } = found;
  const settled = await settle(match, probe, options);
  const reading = settled && readResult(settled.result, probe.unknownRefund, options);
  const reply = settled && reading ? replyStep(settled.result, reading, options) : undefined;
  const verification = match === configured ? await checkVerification(match, probe, deps.nonce()) : undefined;
  const first = [
    step("address", `${options.url.origin} responds`),
    pathStep(found, options),
    signatureStep(found, options, verification),
    reply ?? skipped("reply", "not checked, because DaxPay accepted no request"),
  ];
  const clocks = clocksOf(found, settled, reading?.skewMs);
  if (settled === undefined || first.some(({ status }) => status === "failed")) {
    const why = "not checked, because a check above failed";
    return [
      ...first,
      ...skip(["query"], why),
      clockStep(clocks, options),
      ...skip(["requestAge", ...onDemand], why),
    ];
  }
  const { attempt } = settled.result;
  const aheadMs = aheadMsOf(clocks);
  const query = await checkQuery(attempt, probe, options, aheadMs);
  const refund = refundNo === undefined ? undefined : await checkRefund(refundNo, attempt, probe, options, aheadMs);
  const known = withRefund(clocks, refund);
  return [
    ...first,
    query,
    clockStep(known, options),
    await checkRequestAge(attempt, probe, options.settleTimeoutMs, aheadMsOf(known)),
    ...(refund ? [refund.step] : []),
  ];
}

/** A wrong zone shifts DaxPay's times, as we read them, and our requests' times, as DaxPay reads them, alike. */
function aheadMsOf({ verifiedMs, acceptedMs, headerMs }: Clocks): number {
  return verifiedMs ?? acceptedMs ?? headerMs ?? 0;
}

/** A request that DaxPay accepted, and what was added to its time for that. */
interface Settled {
  readonly result: ProbeResult;
  readonly shiftMs?: number;
}

/** Repeats a request whose time was rejected, by DaxPay's clock or in another zone, so that its reply can be checked too. */
async function settle(
  match: ProbeResult | undefined,
  probe: Probe,
  { timeZone }: DoctorOptions,
): Promise<Settled | undefined> {
  if (match?.interpretation.verdict !== "clockRejected") return match && { result: match };
  const { attempt, answer } = match;
  const headerMs = headerMsOf(match);
  const zoneShifts = isZoned(attempt.release) ? otherZoneShifts(timeZone, answer.arrivedAt) : [];
  const shifts = [...(headerMs === undefined ? [] : [0]), ...zoneShifts].map((shiftMs) => shiftMs + (headerMs ?? 0));
  for (const shiftMs of shifts) {
    const result = await attemptOnce(attempt, probe, { shiftMs });
    if (result.kind === "connectionFailure") return undefined;
    if (result.interpretation.verdict === "accepted") return { result, shiftMs };
  }
}

function clocksOf(
  { configured, match }: Search,
  settled: Settled | undefined,
  skewMs: number | undefined,
): Clocks {
  const latest = settled?.result ?? match ?? configured;
  return {
    release: (match ?? configured).attempt.release,
    verifiedMs: skewMs === undefined ? undefined : likelyMs(skewMs),
    headerMs: headerMsOf(latest),
    acceptedMs: settled?.shiftMs,
    rejection: match?.interpretation.verdict === "clockRejected" ? match.interpretation.text : undefined,
    complete: false,
    now: latest.answer.arrivedAt,
  };
}

/** 3.0.0's reply for an unknown refund has no time, that for a real one has. */
function withRefund(clocks: Clocks, refund: RefundCheck | undefined): Clocks {
  if (refund?.skewMs === undefined || !refund.result) return { ...clocks, complete: true };
  return { ...clocks, verifiedMs: likelyMs(refund.skewMs), headerMs: headerMsOf(refund.result), complete: true };
}

/** A reply's skew is the least that a time cut to the second leaves possible; half a second more is likeliest. */
function likelyMs(skewMs: number): number {
  return skewMs + 500 * Math.sign(skewMs);
}

/** The Date header is cut to the second, so on average half a second has passed since. */
function headerMsOf({ answer }: ProbeResult): number | undefined {
  return answer.date === undefined ? undefined : answer.date + 500 - answer.arrivedAt;
}

/** DaxPay knows the secret, and its texts are quoted. */
function withoutSecrets(steps: readonly Step[], options: DoctorOptions): Step[] {
  // Shorter ones also occur in other words.
  const secrets = secretsOf(options).map(({ text }) => text).filter((text) => text.length >= 6);
  if (secrets.length === 0) return [...steps];
  const pattern = new RegExp(secrets.map((text) => RegExp.escape(text)).join("|"), "gi");
  const redact = (text: string) => text.replace(pattern, "[redacted]");
  return steps.map((one) => ({
    ...one,
    found: redact(one.found),
    reasons: one.reasons.map(({ cause, advice }) => ({ cause, advice: redact(advice) })),
  }));
}
