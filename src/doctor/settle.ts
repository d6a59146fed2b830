import { type Clocks, isZoned } from "./clock.ts";
import type { DoctorOptions } from "./options.ts";
import type { Probe } from "./probe.ts";
import type { RefundCheck } from "./refund.ts";
import { attemptOnce, type ProbeResult, type Search } from "./search.ts";
import { otherZoneShifts } from "./zone.ts";

/** A request that DaxPay accepted, and what was added to its time for that. */
export interface Settled {
  readonly result: ProbeResult;
  readonly shiftMs?: number;
}

/** Repeats a request whose time was rejected, by DaxPay's clock or in another zone, so that its reply can be checked too. */
export async function settle(
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

/** Gathers what the requests so far show of the clocks. */
export function clocksOf(
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
    now: latest.answer.arrivedAt,
  };
}

/** 3.0.0's reply for an unknown refund has no time, that for a real one has. */
export function withRefund(clocks: Clocks, refund: RefundCheck | undefined): Clocks {
  if (refund?.skewMs === undefined || !refund.result) return clocks;
  return { ...clocks, verifiedMs: likelyMs(refund.skewMs), headerMs: headerMsOf(refund.result) };
}

/** A reply's skew is the least that a time cut to the second leaves possible; half a second more is likeliest. */
function likelyMs(skewMs: number): number {
  return skewMs + 500 * Math.sign(skewMs);
}

/** The Date header is cut to the second, so on average half a second has passed since. */
function headerMsOf({ answer }: ProbeResult): number | undefined {
  return answer.date === undefined ? undefined : answer.date + 500 - answer.arrivedAt;
}

/** A wrong zone shifts DaxPay's times, as we read them, and our requests' times, as DaxPay reads them, alike. */
export function aheadMsOf({ verifiedMs, acceptedMs, headerMs }: Clocks): number {
  return verifiedMs ?? acceptedMs ?? headerMs ?? 0;
}
