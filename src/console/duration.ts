const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Milliseconds as people say them, rounded up to whole seconds: "1 min 5 sec". */
export function durationText(ms: number, locale: string): string {
  const whole = Math.max(0, Math.ceil(ms / SECOND) * SECOND);
  const parts: (readonly [number, "hour" | "minute" | "second"])[] = [
    [Math.floor(whole / HOUR), "hour"],
    [Math.floor(whole % HOUR / MINUTE), "minute"],
    [whole % MINUTE / SECOND, "second"],
  ];
  const said = parts.filter(([count, unit]) => count > 0 || (unit === "second" && whole === 0));
  return said.map(([count, unit]) => unitText(count, unit, locale)).join(" ");
}

function unitText(count: number, unit: string, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(count);
}
