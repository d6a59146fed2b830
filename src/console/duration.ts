const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds as text, rounded up to whole seconds: "1 min 5 sec". */
export function durationText(ms: number, languageTag: string): string {
  const whole = Math.max(0, Math.ceil(ms / SECOND) * SECOND);
  const parts: (readonly [number, "hour" | "minute" | "second"])[] = [
    [Math.floor(whole / HOUR), "hour"],
    [Math.floor(whole % HOUR / MINUTE), "minute"],
    [whole % MINUTE / SECOND, "second"],
  ];
  return parts.filter(([count, unit]) => count > 0 || (unit === "second" && whole === 0))
    .map(([count, unit]) => unitText(count, unit, languageTag)).join(" ");
}

function unitText(count: number, unit: string, languageTag: string): string {
  return new Intl.NumberFormat(languageTag, { style: "unit", unit, unitDisplay: "short" }).format(count);
}
