import type { Named } from "../route.ts";

/** A pasted or dropped list, as rows of cells. */
export interface List {
  readonly rows: readonly (readonly string[])[];
  /** Names of the columns, where the first row holds them. */
  readonly header: readonly string[] | undefined;
  /** How many columns there are. */
  readonly width: number;
}

export interface Column {
  readonly index: number;
  /** Whose numbers the column's name says it holds. */
  readonly kind: Named["kind"] | undefined;
}

const SEPARATORS = [",", "\t", ";"];

/** Names of columns as DaxPay, this service and spreadsheets spell them, without case, blanks and underscores. */
const NAMES: Readonly<Record<string, Named["kind"]>> = {
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

/** Reads lines, or a table with commas, tabs or semicolons between cells and quotes as RFC 4180 has them. */
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
export function likelyColumn({ header, rows }: List): Column {
  const named = header?.findIndex((cell) => kindOf(cell)) ?? -1;
  if (header && named >= 0) return { index: named, kind: kindOf(header[named]) };
  const filled = rows[0]?.findIndex((cell) => cell !== "") ?? 0;
  return { index: Math.max(0, filled), kind: undefined };
}

/** The column's numbers in order, each once, and how many were left out for that. */
export function numbersFrom({ rows }: List, column: number): { numbers: readonly string[]; repeated: number } {
  const filled = rows.map((row) => row[column] ?? "").filter((cell) => cell !== "");
  const numbers = [...new Set(filled)];
  return { numbers, repeated: filled.length - numbers.length };
}

/** A file's text: UTF-8, or what spreadsheets in China still write. */
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

function kindOf(name: string): Named["kind"] | undefined {
  const key = name.toLowerCase().replace(/[\s_-]/g, "");
  return Object.hasOwn(NAMES, key) ? NAMES[key] : undefined;
}

/** The separator that the first line holds most often; a comma where it holds none. */
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
