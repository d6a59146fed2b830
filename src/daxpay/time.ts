/** How a release writes points in time. Both directions are exact to the second. */
export interface TimeFormat {
  /** Writes milliseconds since 1970 as the member's value. */
  write(ms: number, zone: string): number | string;
  /** Reads a member's text back to milliseconds since 1970; undefined where it is no such time. */
  read(text: string, zone: string): number | undefined;
  /** What `read` wants, for messages. */
  readonly wanted: string;
}

/** 2.x: seconds since 1970. */
export const epochSeconds: TimeFormat = {
  write: (ms) => Math.floor(ms / 1000),
  read: (text) => (/^\d{1,12}$/.test(text) ? Number(text) * 1000 : undefined),
  wanted: "seconds since 1970",
};

/** 3.x: the wall clock of DaxPay's own zone, without saying which. */
export const zonedText: TimeFormat = {
  write: (ms, zone) =>
    Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone).toPlainDateTime()
      .toString({ smallestUnit: "second" }).replace("T", " "),
  read(text, zone) {
    if (!/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(text)) return undefined;
    try {
      return Temporal.PlainDateTime.from(text.replace(" ", "T"), { overflow: "reject" })
        .toZonedDateTime(zone).epochMilliseconds;
    } catch {
      return undefined; // no such day or hour
    }
  },
  wanted: '"yyyy-MM-dd HH:mm:ss"',
};
