import type { ClientDeps } from "../daxpay/client.ts";
import { clockStep } from "./clock.ts";
import type { DoctorOptions } from "./options.ts";
import { pathStep } from "./path.ts";
import { diagnoseKeys } from "./ping.ts";
import { createProbe, type Probe } from "./probe.ts";
import { checkQuery } from "./query.ts";
import { withoutSecrets } from "./redact.ts";
import { checkRefund } from "./refund.ts";
import { readResult, replyStep } from "./reply.ts";
import { checkRequestAge } from "./request-age.ts";
import { search } from "./search.ts";
import { aheadMsOf, clocksOf, settle, withRefund } from "./settle.ts";
import { checkVerification, needsDiagnosis, signatureStep } from "./signature.ts";
import { skipped, type Step, step, type StepId } from "./step.ts";
import { SHORTEST_ZONE_SHIFT_MS } from "./zone.ts";

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
  const steps = withoutSecrets(await stepsOf(options, probe, refundNo), options);
  return { steps, ok: steps.every(({ status }) => status !== "failed"), requests: probe.count() };
}

async function stepsOf(
  options: DoctorOptions,
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
  const verification = match === configured ? await checkVerification(match, probe) : undefined;
  const diagnosis = needsDiagnosis(found) ? await diagnoseKeys(configured, probe) : undefined;
  const first = [
    step("address", `${options.url.origin} responds`),
    pathStep(found, options),
    signatureStep(found, options, { verification, diagnosis }),
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
  const requestAge = await checkRequestAge(attempt, probe, options.settleTimeoutMs, aheadMsOf(known));
  // A DaxPay that accepts young requests only, and accepted ours, reads times in the same zone.
  const zoneShown = requestAge.status === "passed" && options.settleTimeoutMs < SHORTEST_ZONE_SHIFT_MS;
  return [
    ...first,
    query,
    clockStep(known, options, !zoneShown),
    requestAge,
    ...(refund ? [refund.step] : []),
  ];
}
