import type { DaxPayOptions } from "../daxpay/client.ts";
import { type ReleaseName, RELEASES } from "../daxpay/release.ts";
import { zonedText } from "../daxpay/time.ts";
import { type Reason, skipped, type Step, step } from "./step.ts";

/** What is known about the two clocks. */
export interface Clocks {
  readonly release: ReleaseName;
  /** How far DaxPay's clock is ahead of ours by a verified reply, in milliseconds. */
  readonly verifiedMs: number | undefined;
  /** The same by the HTTP Date header, which a proxy may have written. */
  readonly headerMs: number | undefined;
  /** DaxPay's text, where it refused our time. */
  readonly refusal: string | undefined;
}

/**
 * How old and how far ahead a request may be, in milliseconds, as shipped. 3.0.0's window (30 s both ways) is switched
 * off as shipped; that it is on shows in a refusal.
 */
const WINDOWS: Readonly<Partial<Record<ReleaseName, { readonly old: number; readonly ahead: number }>>> = {
  "2.0.8": { old: 10_000, ahead: 60_000 },
};

export function clockStep(clocks: Clocks, options: DaxPayOptions): Step {
  const { verifiedMs, headerMs, refusal } = clocks;
  const aheadMs = verifiedMs ?? headerMs;
  const words = aheadMs === undefined
    ? "DaxPay's reply tells no time"
    : `${apart(aheadMs)}, by ${verifiedMs === undefined ? "the HTTP Date header" : "the verified reply"}`;
  if (refusal === undefined) {
    if (aheadMs === undefined) return skipped("clock", words);
    return step("clock", words, measured(aheadMs, clocks, options));
  }
  return step("clock", `DaxPay refused the request's time; ${words}`, [refused(refusal, aheadMs, clocks, options)]);
}

/** Header and reply are exact to the second only. */
const EXACT_MS = 2_000;

function apart(aheadMs: number): string {
  if (Math.abs(aheadMs) < EXACT_MS) return "the clocks agree to the second";
  return `this machine's clock is ${seconds(aheadMs)} s ${aheadMs > 0 ? "behind" : "ahead of"} DaxPay's`;
}

function seconds(ms: number): number {
  return Math.round(Math.abs(ms) / 1000);
}

function measured(aheadMs: number, clocks: Clocks, options: DaxPayOptions): Reason[] {
  const window = WINDOWS[clocks.release];
  const limitMs = Math.min(options.maxSkewMs, (aheadMs > 0 ? window?.old : window?.ahead) ?? Infinity);
  if (Math.abs(aheadMs) <= limitMs) return [];
  if (isOtherZone(aheadMs, clocks)) return [zoneReason(options)];
  const limit = limitMs === options.maxSkewMs
    ? `this service believes replies up to ${limitMs / 1000} s (DAXPAY_MAX_SKEW_MS)`
    : `${clocks.release} as shipped accepts requests up to ${limitMs / 1000} s`;
  return [clockReason(aheadMs > 0, aheadMs, `; ${limit}`)];
}

/** DaxPay's own words tell the direction, also where no time was measured. */
function refused(text: string, aheadMs: number | undefined, clocks: Clocks, options: DaxPayOptions): Reason {
  const behind = !/晚于/.test(text);
  const agrees = aheadMs !== undefined && Math.abs(aheadMs) < 5_000;
  const zoned = RELEASES[clocks.release].time === zonedText;
  if (zoned && (agrees || isOtherZone(aheadMs ?? 0, clocks))) return zoneReason(options);
  if (agrees) {
    return clockReason(behind, undefined, "; the Date header agrees with this clock, but a proxy may have written it");
  }
  const window = WINDOWS[clocks.release];
  const limit = window
    ? `; ${clocks.release} as shipped accepts up to ${(behind ? window.old : window.ahead) / 1000} s`
    : "";
  return clockReason(behind, aheadMs, limit);
}

function clockReason(behind: boolean, aheadMs: number | undefined, limit: string): Reason {
  const by = aheadMs === undefined ? "" : `${seconds(aheadMs)} s `;
  return {
    cause: behind ? "CLOCK_BEHIND" : "CLOCK_AHEAD",
    advice: `This machine's clock is ${by}${
      behind ? "behind" : "ahead of"
    } DaxPay's${limit}: synchronise both machines (NTP)`,
  };
}

const QUARTER_HOUR_MS = 900_000;

/** 3.x's times have no zone: a wrong one shows as a difference of whole quarters of an hour. */
function isOtherZone(aheadMs: number, { release, headerMs }: Clocks): boolean {
  const rest = Math.abs(aheadMs) % QUARTER_HOUR_MS;
  const whole = Math.abs(aheadMs) > 60_000 && Math.min(rest, QUARTER_HOUR_MS - rest) < 60_000;
  const headerAgrees = headerMs === undefined || Math.abs(headerMs) < 60_000;
  return RELEASES[release].time === zonedText && whole && headerAgrees;
}

function zoneReason({ timeZone }: DaxPayOptions): Reason {
  return {
    cause: "WRONG_TIME_ZONE",
    advice:
      `The clocks agree, but DaxPay's server does not run in the zone ${timeZone}: set DAXPAY_TIME_ZONE to its zone`,
  };
}
