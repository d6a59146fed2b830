import { isIP } from "node:net";
import { z } from "zod";
import { KeyError } from "../daxpay/keys.ts";
import { isPolicyEntry } from "../util/address-policy.ts";
import { DatabaseUrlError, parseDatabaseUrl } from "../util/database-url.ts";

export const port = z.string().regex(/^\d{1,5}$/).transform(Number).refine((value) => value <= 65_535);
export const milliseconds = z.string().regex(/^\d{1,9}$/).transform(Number).refine((value) => value > 0);
export const positiveInt = (max: number) =>
  z.string().regex(/^\d{1,9}$/).transform(Number).refine((value) => value > 0 && value <= max);
export const text = (max: number) => z.string().max(max);
/** DaxPay's numbers of applications and merchants. */
export const identifier = z.string().regex(/^[\x21-\x7e]{1,32}$/).regex(/^[^"'`]*$/);
export const path = z.string().max(4096);

/** An address to listen on. No other name than localhost: Deno would need a permission to resolve it. */
export const host = z.string()
  .transform((value) => value === "localhost" ? "127.0.0.1" : value.replace(/^\[(.*:.*)\]$/, "$1"))
  .refine((address) => isIP(address) !== 0);

/** A duration with its unit, in milliseconds. */
export const duration = z.string().transform(parseDuration).refine((ms) => ms !== undefined);

/** A duration that may take days, in milliseconds. */
export const longDuration = (min: string, max: string) => {
  const [minMs, maxMs] = [min, max].map((text) => parseLongDuration(text) ?? NaN);
  return z.string().transform(parseLongDuration).refine((ms) => ms !== undefined && ms >= minMs && ms <= maxMs);
};

export const millisecondsOrDuration = z.union([milliseconds, duration]);

/** A comma-separated list of durations, in milliseconds. */
export const durations = z.string().transform((list) => {
  const parsed = list.split(",").map(parseDuration);
  if (parsed.includes(undefined)) return undefined;
  const [first, ...rest] = parsed as number[];
  return [first, ...rest] as const;
}).refine((list) => list !== undefined);

/** A comma-separated list of origins, as browsers write them. */
export const origins = z.string().transform((list): readonly string[] => list.split(",").map((item) => item.trim()))
  .refine((items) => items.every(isOrigin));

/** A comma-separated list of host names, addresses and CIDR blocks. */
export const networks = z.string().transform((list): readonly string[] => list.split(",").map((item) => item.trim()))
  .refine((items) => items.every(isPolicyEntry));

/** A symmetric secret of Standard Webhooks. */
export const webhookSecret = z.string().refine((text) => {
  const [, base64] = /^whsec_((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text) ?? [];
  if (base64 === undefined) return false;
  const { length } = atob(base64);
  return length >= 24 && length <= 64;
});

/** A key, whose problem is the issue's message: it completes "got …", since the text itself is never displayed. */
export function key<T>(read: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return read(text);
    } catch (error) {
      const message = error instanceof KeyError ? error.message : "no RSA key";
      context.addIssue({ code: "custom", message, params: { got: true } });
      return z.NEVER;
    }
  });
}

/** A PostgreSQL URL, whose problem is the issue's message as well. */
export const databaseUrl = z.string().superRefine((text, context) => {
  try {
    parseDatabaseUrl(text);
  } catch (error) {
    if (!(error instanceof DatabaseUrlError)) throw error;
    context.addIssue({ code: "custom", message: error.message, params: { got: true } });
  }
});

/** Whoever knows the key can forge rows: a text of few different characters was made up, not generated. */
export const journalKey = z.string().min(32).max(4096).refine((text) => new Set(text).size >= 8);

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function parseDuration(text: string): number | undefined {
  const ms = parseLongDuration(text);
  return ms !== undefined && ms <= UNITS.d && !text.includes("d") ? ms : undefined;
}

function parseLongDuration(text: string): number | undefined {
  const [, number, unit] = /^\s*(\d{1,8})(ms|s|m|h|d)\s*$/.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? NaN);
  return ms > 0 ? ms : undefined;
}

/** Whether it is exactly what browsers send: without path, default port and capital letters. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
