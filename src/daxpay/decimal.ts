/** Longer exponents are no amounts, and would only cost memory. */
const MAX_EXPONENT = 40;

/**
 * Writes the text of a JSON number as Java's `stripTrailingZeros().toPlainString()` does: `100.0000` becomes `100`, `1E+2`
 * becomes `100`. Returns undefined where the text is no such number.
 */
export function plainDecimal(text: string): string | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) return undefined;
  const [, minus, integer, fraction = "", exponent = "0"] = match;
  const shift = Number(exponent);
  if (Math.abs(shift) > MAX_EXPONENT) return undefined;
  const digits = (integer + fraction).padEnd(integer.length + shift, "0");
  const point = integer.length + shift;
  const padded = point <= 0 ? "0".repeat(1 - point) + digits : digits;
  const whole = padded.slice(0, Math.max(point, 1)).replace(/^0+(?=\d)/, "");
  const rest = padded.slice(Math.max(point, 1)).replace(/0+$/, "");
  if (whole === "0" && rest === "") return "0";
  return `${minus}${whole}${rest && `.${rest}`}`;
}

/** Reads an amount as an exact number of fen; undefined where it is negative or no whole number of fen. */
export function fenFrom(text: string, unit: "fen" | "yuan"): bigint | undefined {
  const plain = plainDecimal(text);
  const match = plain === undefined ? null : /^(\d+)(?:\.(\d{1,2}))?$/.exec(plain);
  if (!match) return undefined;
  const [, whole, cents = ""] = match;
  if (unit === "fen") return cents === "" ? BigInt(whole) : undefined;
  return BigInt(whole + cents.padEnd(2, "0"));
}
