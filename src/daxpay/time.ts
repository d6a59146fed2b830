/** How a release writes points in time, which are epoch milliseconds here. Both directions are exact to the second. */
export interface TimeFormat {
  /** Writes a time as the member's value. */
  write(ms: number, zone: string): number | string;
  /** Reads a member's text; undefined where it is no such time. Of two readings, the one nearest to `now` is meant. */
  read(text: string, zone: string, now: number): number | undefined;
  /** The format, for messages. */
  readonly expected: string;
}

/** 2.x. */
export const epochSeconds: TimeFormat = {
  write: (ms) => Math.floor(ms / 1000),
  read: (text) => (/^\d{1,12}$/.test(text) ? Number(text) * 1000 : undefined),
  expected: "epoch seconds",
};

/** 3.x: the wall clock of DaxPay's own time zone, without the zone. */
export const zonedText: TimeFormat = {
  write: (ms, zone) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDateTime()
      .toString({ smallestUnit: "second" }).replace("T", " "),
  read(text, zone, now) {
    const local = localDateTime(text);
    if (!local) return undefined;
    const [earlier, later] = (["earlier", "later"] as const)
      .map((disambiguation) => local.toZonedDateTime(zone, { disambiguation }).epochMilliseconds);
    return Math.abs(now - earlier) <= Math.abs(now - later) ? earlier : later;
  },
  expected: '"yyyy-MM-dd HH:mm:ss"',
};

/** v4: the wall clock of Beijing, wherever the server runs. */
export const beijingText: TimeFormat = {
  write: (ms) => zonedText.write(ms, "+08:00"),
  read: (text, _zone, now) => zonedText.read(text, "+08:00", now),
  expected: zonedText.expected,
};

function localDateTime(text: string): Temporal.PlainDateTime | undefined {
  if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return undefined;
  try {
    return Temporal.PlainDateTime.from(text.replace(" ", "T"), { overflow: "reject" });
  } catch {
    return undefined; // no such day or hour
  }
}

/** Checks the name of a time zone with the engine that uses it: Intl knows names that Temporal rejects, and vice versa. */
export function isTimeZone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}
