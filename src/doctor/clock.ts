import type { DaxPayOptions } from "../daxpay/client.ts";
import { type ReleaseName, RELEASES } from "../daxpay/release.ts";
import { zonedText } from "../daxpay/time.ts";
import { type Reason, type Step, step, warning } from "./step.ts";
import { describeClockOf, SHORTEST_ZONE_SHIFT_MS } from "./zone.ts";

/** What is known of the two clocks. */
export interface Clocks {
  readonly release: ReleaseName;
  /** Milliseconds by which DaxPay's clock is ahead of ours in a verified reply. */
  readonly verifiedMs: number | undefined;
  /** The same by the HTTP Date header, which a proxy may have written. */
  readonly headerMs: number | undefined;
  /** Milliseconds that had to be added to a rejected request's time until it was accepted. */
  readonly acceptedMs: number | undefined;
  /** DaxPay's text if it rejected the request's time. */
  readonly rejection: string | undefined;
  /** By our clock, in epoch milliseconds. */
  readonly now: number;
}

/**
 * How old and how far ahead a request may be, in milliseconds, as shipped. 3.0.0's limit (30 s both ways) is off as
 * shipped; if it is on, a rejection shows it.
 */
const LIMITS: Readonly<Partial<Record<ReleaseName, { readonly old: number; readonly ahead: number }>>> = {
  // Counted in whole seconds: 60.x s ahead are 60.
  "2.0.8": { old: 10_000, ahead: 61_000 },
  // Off as shipped.
  "4.0.0-beta": { old: 300_000, ahead: 300_000 },
};

/**
 * Whether the clocks agree well enough, and DAXPAY_TIME_ZONE is that of DaxPay's server. `warnsOfZone`: warns if no time
 * shows the zone.
 */
export function clockStep(clocks: Clocks, options: DaxPayOptions, warnsOfZone = false): Step {
  const { verifiedMs, headerMs, rejection } = clocks;
  const aheadMs = verifiedMs ?? headerMs;
  const found = describeDifference(aheadMs, clocks);
  if (rejection !== undefined) {
    return step("clock", `DaxPay rejected the request's time; ${found}`, [
      rejectedReason(rejection, aheadMs, clocks, options),
    ]);
  }
  if (aheadMs === undefined) return warning("clock", found, [UNKNOWN]);
  const reasons = measuredReasons(aheadMs, clocks, options);
  if (reasons.length > 0) return step("clock", found, reasons);
  const zoneUnchecked = warnsOfZone && verifiedMs === undefined && isZoned(clocks.release);
  return zoneUnchecked ? warning("clock", found, [zoneUncheckedReason(options)]) : step("clock", found);
}

const UNKNOWN: Reason = {
  cause: "INCONCLUSIVE",
  advice: "Check that both machines' clocks are synchronized (NTP), or run with --refund-no, whose reply holds a time",
};

/** Header and reply are exact to the second only. */
const EXACT_MS = 2_000;

function describeDifference(aheadMs: number | undefined, clocks: Clocks): string {
  if (aheadMs === undefined) return "the reply holds no time";
  const source = clocks.verifiedMs === undefined ? "the HTTP Date header" : "the verified reply";
  if (Math.abs(aheadMs) < EXACT_MS) return `the clocks agree to the second, by ${source}`;
  const side = aheadMs > 0 ? "behind" : "ahead of";
  if (isOtherZone(aheadMs, clocks)) return `this machine's time is ${seconds(aheadMs)} s ${side} that of ${source}`;
  return `this machine's clock is ${seconds(aheadMs)} s ${side} DaxPay's, by ${source}`;
}

function seconds(ms: number): number {
  return Math.round(Math.abs(ms) / 1000);
}

/** DaxPay did not reject the request's time, so that only the service's own limit counts. */
function measuredReasons(aheadMs: number, clocks: Clocks, options: DaxPayOptions): Reason[] {
  if (Math.abs(aheadMs) <= options.maxSkewMs) return [];
  if (isOtherZone(aheadMs, clocks)) return [zoneReason(clocks, options)];
  const limit = `; this service accepts replies up to ${options.maxSkewMs / 1000} s (DAXPAY_MAX_SKEW_MS)`;
  return [clockReason(aheadMs > 0, aheadMs, limit)];
}

const V4_EXPIRED = "请求时间戳已过期，请重试";

/** DaxPay's text shows the direction, even if no time was measured. */
function rejectedReason(text: string, aheadMs: number | undefined, clocks: Clocks, options: DaxPayOptions): Reason {
  // v4 has one text for both directions.
  const behind = text === V4_EXPIRED && aheadMs !== undefined ? aheadMs > 0 : !/晚于/.test(text);
  const agrees = aheadMs !== undefined && Math.abs(aheadMs) < 5_000;
  if (isZoned(clocks.release) && (agrees || isOtherZone(aheadMs ?? 0, clocks))) return zoneReason(clocks, options);
  if (agrees) {
    return clockReason(behind, undefined, "; the Date header agrees with this clock, but a proxy may have written it");
  }
  const limits = LIMITS[clocks.release];
  const limit = limits
    ? `; ${clocks.release} as shipped accepts up to ${(behind ? limits.old : limits.ahead) / 1000} s`
    : "";
  return clockReason(behind, aheadMs, limit);
}

function clockReason(behind: boolean, aheadMs: number | undefined, limit: string): Reason {
  const by = aheadMs === undefined ? "" : `${seconds(aheadMs)} s `;
  return {
    cause: behind ? "CLOCK_BEHIND" : "CLOCK_AHEAD",
    advice: `This machine's clock is ${by}${
      behind ? "behind" : "ahead of"
    } DaxPay's${limit}: synchronize both machines (NTP)`,
  };
}

/** Whether the release writes its times without their zone. */
export function isZoned(release: ReleaseName): boolean {
  return RELEASES[release].time === zonedText;
}

/** 3.x's times have no zone: a wrong one shows as a difference of whole quarters of an hour. */
function isOtherZone(aheadMs: number, clocks: Clocks): boolean {
  const { headerMs } = clocks;
  const rest = Math.abs(aheadMs) % SHORTEST_ZONE_SHIFT_MS;
  const whole = Math.abs(aheadMs) > 60_000 && Math.min(rest, SHORTEST_ZONE_SHIFT_MS - rest) < 60_000;
  return isZoned(clocks.release) && whole && (headerMs === undefined || Math.abs(headerMs) < 60_000);
}

function zoneReason({ verifiedMs, acceptedMs, headerMs, now }: Clocks, { timeZone }: DaxPayOptions): Reason {
  const aheadMs = verifiedMs ?? acceptedMs;
  const shown = aheadMs === undefined
    ? ""
    : `, whose clock shows ${describeClockOf(timeZone, aheadMs - (headerMs ?? 0), now)}`;
  return {
    cause: "WRONG_TIME_ZONE",
    advice: `DaxPay's server does not run in the zone ${timeZone}: set DAXPAY_TIME_ZONE to its zone${shown}`,
  };
}

/** 3.0.0's reply for an unknown refund has no time. */
function zoneUncheckedReason({ timeZone }: DaxPayOptions): Reason {
  return {
    cause: "TIME_ZONE_UNCHECKED",
    advice:
      `Whether ${timeZone} (DAXPAY_TIME_ZONE) is the zone of DaxPay's server is unknown, since this reply holds ` +
      "no time; if it is not, every state is rejected as REPLY_MISMATCHED. Run with --refund-no and the number of any " +
      "refund, whose reply does",
  };
}
