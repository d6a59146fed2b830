import type { RefundRef } from "../route.ts";

/** A pasted or dropped list, as rows of cells. */
export interface List {
  readonly rows: readonly (readonly string[])[];
  /** The first row, where it names the columns. */
  readonly header: readonly string[] | undefined;
  /** Number of columns. */
  readonly width: number;
}

export interface NumberColumn {
  readonly index: number;
  /** The kind of numbers, as the column's name tells; undefined where it does not. */
  readonly kind: RefundRef["kind"] | undefined;
}

const SEPARATORS = [",", "\t", ";"];

/** Column names of DaxPay, this service and spreadsheets, in lower case without spaces, hyphens and underscores. */
const KINDS: Readonly<Record<string, RefundRef["kind"]>> = {
  refundno: "refundNo",
  refundnumber: "refundNo",
  退款号: "refundNo",
  退款单号: "refundNo",
  bizrefundno: "bizRefundNo",
  mchrefundno: "bizRefundNo",
  merchantrefundno: "bizRefundNo",
  商户退款号: "bizRefundNo",
  商户退款单号: "bizRefundNo",
};

/** Parses lines, or a table separated by commas, tabs or semicolons and quoted as in RFC 4180. */
export function listFrom(text: string): List {
  const body = text.replace(/^\ufeff/, "");
  const rows = cells(body, separatorOf(body)).filter((row) => row.some((cell) => cell !== ""));
  const header = rows[0]?.some((cell) => kindOf(cell)) ? rows[0] : undefined;
  return {
    rows: header ? rows.slice(1) : rows,
    header,
    width: Math.max(0, ...rows.map((row) => row.length)),
  };
}

/** The column that most likely holds the numbers. */
export function likelyColumn({ header, rows }: List): NumberColumn {
  const named = header?.findIndex((cell) => kindOf(cell)) ?? -1;
  if (header && named >= 0) return { index: named, kind: kindOf(header[named]) };
  const filled = rows[0]?.findIndex((cell) => cell !== "") ?? 0;
  return { index: Math.max(0, filled), kind: undefined };
}

/** The column's distinct numbers in order, and how many duplicates were left out. */
export function numbersFrom({ rows }: List, column: number): { numbers: readonly string[]; duplicates: number } {
  const filled = rows.map((row) => row[column] ?? "").filter((cell) => cell !== "");
  const numbers = [...new Set(filled)];
  return { numbers, duplicates: filled.length - numbers.length };
}

/** Decodes UTF-8 or GB 18030, which spreadsheets in China still write; undefined if it is neither. */
export function decodeText(bytes: ArrayBuffer): string | undefined {
  const texts = ["utf-8", "gb18030"].map((label) => decoded(bytes, label));
  return texts.find((text) => text !== undefined && !text.includes("\0"));
}

function decoded(bytes: ArrayBuffer, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function kindOf(name: string): RefundRef["kind"] | undefined {
  const key = name.toLowerCase().replace(/[\s_-]/g, "");
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
}

/** The most frequent separator of the first line; a comma if it has none. */
function separatorOf(text: string): string {
  const [first] = text.trimStart().split(/\r?\n/, 1);
  const count = (separator: string) => first.split(separator).length;
  return SEPARATORS.reduce((best, each) => count(each) > count(best) ? each : best);
}

function cells(text: string, separator: string): string[][] {
  const cell = new RegExp(
    `(?:"((?:[^"]|"")*)"[^${separator}\\r\\n]*|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|\\r|$)`,
    "y",
  );
  const rows: string[][] = [[]];
  while (cell.lastIndex < text.length) {
    const [, quoted, plain, end] = cell.exec(text) ?? [];
    rows[rows.length - 1].push((quoted?.replaceAll('""', '"') ?? plain ?? "").trim());
    if (end === undefined || end === "") break;
    if (end !== separator) rows.push([]);
  }
  return rows;
}
