import { OffsetDateTime } from "./json.ts";

/** How a release writes points in time. */
export interface TimeFormat {
  /**
   * The text under which a received member is signed: null where it was not given, undefined where it is no time.
   */
  read(value: unknown): string | null | undefined;
  /** From the text of `read` to milliseconds since 1970. */
  toMs(text: string, zone: string): number;
  /** From milliseconds since 1970; cut to the second, but for early betas of 4.x. */
  write(ms: number, zone: string): WrittenTime;
}

export type WrittenTime = number | string | OffsetDateTime;

/** 2.x: a number or digits (`Long.parseLong`), in seconds since 1970. */
export const seconds: TimeFormat = {
  read(value) {
    if (value === undefined || value === null || value === "") return null;
    return /^[+-]?\d{1,15}$/.test(String(value)) ? String(Number(value)) : undefined;
  },
  toMs: (text) => Number(text) * 1000,
  write: (ms) => Math.floor(ms / 1000),
};

/** 3.x: the wall clock of the server's zone. */
export const wallClock: TimeFormat = {
  read(value) {
    if (value === undefined || value === null) return null;
    if (typeof value !== "string") return undefined;
    const text = value.trim();
    return text === "" ? null : normalised(text);
  },
  toMs: (text, zone) => Temporal.PlainDateTime.from(text.replace(" ", "T")).toZonedDateTime(zone).epochMilliseconds,
  write(ms, zone) {
    const second = Math.floor(ms / 1000);
    const key = `${second} ${zone}`;
    const known = texts.get(key);
    if (known !== undefined) return known;
    const text = written(
      Temporal.Instant.fromEpochMilliseconds(second * 1000).toZonedDateTimeISO(zone).toPlainDateTime(),
    );
    if (texts.size >= MAX_TEXTS) texts.clear();
    texts.set(key, text);
    return text;
  },
};

const BEIJING = "+08:00";

/** 4.x: Beijing's wall clock whatever the server's zone. ISO 8601 is read as well, but signed as it is written here. */
export const beijingTime: TimeFormat = {
  read(value) {
    const text = wallClock.read(typeof value === "string" ? value.replace(/\.\d{1,9}$/, "") : value);
    if (text !== undefined) return text;
    const ms = isoMs(value);
    return ms === undefined ? undefined : String(wallClock.write(ms, BEIJING));
  },
  toMs: (text) => wallClock.toMs(text, BEIJING),
  write: (ms) => wallClock.write(ms, BEIJING),
};

/** Early betas of 4.x: requests are given in Beijing's time, but signed in UTC as the server rewrites them. */
export const utcTime: TimeFormat = {
  read(value) {
    const text = beijingTime.read(value);
    if (typeof text !== "string") return text;
    return new Date(beijingTime.toMs(text, BEIJING)).toISOString().replace(".000Z", "Z");
  },
  toMs: (text) => Date.parse(text),
  write: (ms) => new OffsetDateTime(ms),
};

function isoMs(value: unknown): number | undefined {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Under load the replies of a second share their conversions. */
const texts = new Map<string, string>();
const MAX_TEXTS = 1_000;

function written(time: Temporal.PlainDateTime): string {
  return time.toString({ smallestUnit: "second" }).replace("T", " ");
}

/** Java's formatter turns the 31st of a shorter month into its last day, and refuses everything else that is no time. */
function normalised(text: string): string | undefined {
  const parts = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(text)?.slice(1).map(Number);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts;
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour < 24 && minute < 60 && second < 60;
  if (!exists) return undefined;
  if (day <= 28) return text;
  return written(Temporal.PlainDateTime.from({ year, month, day, hour, minute, second }));
}
