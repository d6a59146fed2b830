/** Zones differ by whole quarters of an hour. */
export const SHORTEST_ZONE_SHIFT_MS = 900_000;

/** Where servers usually run; named alone if one fits. */
const COMMON_ZONES = ["Asia/Shanghai", "UTC", "Asia/Tokyo", "America/New_York", "America/Los_Angeles"];

/** Describes the clock that is `aheadMs` ahead of that in `zone`, exact to a quarter of an hour, with zones that fit. */
export function describeClockOf(zone: string, aheadMs: number, now: number): string {
  const offsetMs = offsetOf(zone, now) + Math.round(aheadMs / SHORTEST_ZONE_SHIFT_MS) * SHORTEST_ZONE_SHIFT_MS;
  const fitting = (zones: readonly string[]) => zones.filter((name) => offsetOf(name, now) === offsetMs).slice(0, 3);
  const common = fitting(COMMON_ZONES);
  const zones = common.length > 0 ? common : fitting(Intl.supportedValuesOf("timeZone"));
  return describeOffset(offsetMs) + (zones.length > 0 ? `, for example ${zones.join(", ")}` : "");
}

/** Lists by how much the clocks of the usual zones are ahead of that in `zone`, in milliseconds. */
export function otherZoneShifts(zone: string, now: number): number[] {
  const shifts = COMMON_ZONES.map((name) => offsetOf(name, now) - offsetOf(zone, now));
  return [...new Set(shifts)].filter((shiftMs) => shiftMs !== 0);
}

/** In milliseconds; NaN for a name that Temporal does not know. */
function offsetOf(zone: string, now: number): number {
  try {
    return Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6;
  } catch {
    return NaN; // Intl knows names that Temporal rejects
  }
}

function describeOffset(ms: number): string {
  const minutes = Math.abs(ms) / 60_000;
  const pad = (number: number) => String(number).padStart(2, "0");
  return `UTC${ms < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}
