/** A value that is written in one way and signed in another. */
export abstract class Literal {
  /** Its JSON. */
  abstract readonly wire: string;
  /** The text that is signed. */
  abstract readonly plain: string;
}

/** A BigDecimal: an amount of yuan that keeps its trailing zeros on the wire and loses them where it is signed. */
export class Decimal extends Literal {
  /** As Jackson writes it, e.g. `10.0000`. */
  readonly wire: string;

  /** `scale` is the number of decimals of the database column, at least 2. */
  constructor(fen: number, scale: number) {
    super();
    const digits = String(Math.abs(fen)).padStart(3, "0");
    this.wire = `${fen < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2).padEnd(scale, "0")}`;
  }

  /** As PaySignUtil and hutool write it (`stripTrailingZeros().toPlainString()`), e.g. `10`. */
  get plain(): string {
    return this.wire.replace(/\.?0+$/, "");
  }
}

/**
 * A point in time of early betas of 4.x, where the mapper writes it with ISO_OFFSET_DATE_TIME and the signer with
 * `toString`: they differ in the zeros at the end of a fraction, and at full minutes.
 */
export class OffsetDateTime extends Literal {
  readonly wire: string;
  readonly plain: string;

  /** Milliseconds since 1970. */
  constructor(ms: number) {
    super();
    const [minute, second, fraction] = /^(.{16}):(\d\d)\.(\d{3})Z$/.exec(new Date(ms).toISOString())?.slice(1) ?? [];
    const digits = fraction.replace(/0+$/, "");
    this.wire = JSON.stringify(`${minute}:${second}${digits && `.${digits}`}Z`);
    this.plain = digits ? `${minute}:${second}.${fraction}Z` : `${minute}${second === "00" ? "" : `:${second}`}Z`;
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
  if (value instanceof Literal) return value.wire;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`"${name}":${write(member)}`);
  }
  return `{${members.join(",")}}`;
}
