/** A BigDecimal: an amount of yuan that keeps its trailing zeros on the wire and loses them where it is signed. */
export class Decimal {
  /** As Jackson writes it, e.g. `10.0000`. */
  readonly wire: string;

  /** `scale` is the number of decimals of the database column, at least 2. */
  constructor(fen: number, scale: number) {
    const digits = String(Math.abs(fen)).padStart(3, "0");
    this.wire = `${fen < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2).padEnd(scale, "0")}`;
  }

  /** As PaySignUtil and hutool write it (`stripTrailingZeros().toPlainString()`), e.g. `10`. */
  get plain(): string {
    return this.wire.replace(/\.?0+$/, "");
  }
}

/**
 * Writes JSON as DaxPay's Jackson does: decimals digit by digit, characters beyond the BMP as escapes, hex digits of
 * escapes in upper case.
 */
export function writeJson(value: unknown): string {
  return write(value).replace(/\\u([0-9a-f]{4})|\\.|[\ud800-\udfff]/g, (match, hex) => {
    if (hex) return `\\u${hex.toUpperCase()}`;
    return match.startsWith("\\") ? match : `\\u${match.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

function write(value: unknown): string {
  if (value instanceof Decimal) return value.wire;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`"${name}":${write(member)}`);
  }
  return `{${members.join(",")}}`;
}
