import type { RefundRef } from "../route.ts";
import { numberIn } from "./cell.ts";
import { kindOf } from "./columns.ts";
import { type ListRow, rowsFrom } from "./rows.ts";

/** Index of a column, or every column where all hold numbers. */
export type Column = number | "all";

/** A row that names a refund. */
export interface DataRow extends ListRow {
  /** Without what spreadsheets and bills put around them. */
  readonly cells: readonly string[];
}

/** A part of the list that is not synced, and why. */
export interface Skipped<Reason extends string> {
  readonly line: number;
  readonly text: string;
  readonly reason: Reason;
}

/** A pasted or dropped list. */
export interface List {
  readonly rows: readonly DataRow[];
  /** The row that names the columns. */
  readonly header: readonly string[] | undefined;
  /** Number of columns. */
  readonly width: number;
  /** The column that most likely holds the numbers. */
  readonly likelyColumn: Column;
  /** The kind of numbers, as the column's name tells; undefined where it does not. */
  readonly likelyKind: RefundRef["kind"] | undefined;
  readonly skipped: readonly Skipped<"comment" | "separator" | "title" | "header">[];
}

const SEPARATORS = [",", "\t", ";", "，", "；", "、", "|"];
const ALL_SEPARATORS = SEPARATORS.join("");
const ANY_SEPARATOR = new RegExp(`[${ALL_SEPARATORS}]`);
/** Maximum number of rows above the one that names the columns. */
const MAX_TITLE_ROWS = 20;

/**
 * Parses numbers in lines or in one line, or a table as spreadsheets and bills write it. Every row is either among the
 * rows, the header or skipped with a reason.
 */
export function listFrom(text: string): List {
  const body = text.replace(/^\ufeff/, "");
  const declared = /^"?sep=(.)"?[^\S\r\n]*(?:\r?\n|\r|$)/i.exec(body)?.[1];
  const table = tableFrom(body, declared ?? separatorOf(body), declared !== undefined);
  if (table.header || declared || !isFlat(table.rows)) return table;
  return { ...tableFrom(body, ALL_SEPARATORS + (isSpaced(body) ? " " : ""), false), likelyColumn: "all" };
}

function tableFrom(body: string, separators: string, declared: boolean): List {
  const all = rowsFrom(body, separators);
  const skipped: List["skipped"][number][] = [];
  const rows: DataRow[] = [];
  let header: readonly string[] | undefined;
  for (const [at, row] of all.entries()) {
    const cells = row.cells?.map(numberIn);
    if (declared && at === 0) skipped.push({ ...row, reason: "separator" });
    else if (!cells) skipped.push({ ...row, reason: "comment" });
    else if (cells.some((cell) => kindOf(cell)) && (header || rows.length <= MAX_TITLE_ROWS)) {
      if (!header) skipped.push(...rows.splice(0).map((title) => ({ ...title, reason: "title" as const })));
      header ??= cells;
      skipped.push({ ...row, reason: "header" });
    } else rows.push({ ...row, cells });
  }
  const [first] = rows;
  if (!header && first && rows.length > 1 && namesColumns(first, rows[1])) {
    header = first.cells;
    skipped.push({ ...first, reason: "header" });
    rows.shift();
  }
  skipped.sort((a, b) => a.line - b.line);
  const named = namedColumn(header ?? [], rows);
  return {
    rows,
    header,
    width: rows.reduce((width, { cells }) => Math.max(width, widthOf(cells)), widthOf(header ?? [])),
    likelyColumn: named ?? likelyColumn(rows),
    likelyKind: header && named !== undefined ? kindOf(header[named], header) : undefined,
    skipped,
  };
}

/** Decodes UTF-8, UTF-16 with a byte order mark or GB 18030, as spreadsheets write them; undefined if it is none. */
export function decodeText(bytes: ArrayBuffer): string | undefined {
  const [first, second] = new Uint8Array(bytes);
  if (first === 0xff && second === 0xfe) return decoded(bytes, "utf-16le");
  if (first === 0xfe && second === 0xff) return decoded(bytes, "utf-16be");
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

/** The most frequent separator of the row that names the columns, or else of the first row that holds one. */
function separatorOf(body: string): string {
  const rows = rowsFrom(body, "\n").filter(({ cells }) => cells);
  const names = rows.slice(0, MAX_TITLE_ROWS + 1).find(({ text }) =>
    [...text.split(ANY_SEPARATOR), ...text.split(/\s/)].some((cell) => kindOf(numberIn(cell)))
  );
  const head = names ?? rows.find(({ text }) => ANY_SEPARATOR.test(text)) ?? rows[0];
  if (!head) return ",";
  // A row of separators alone is blank, hence no row.
  const count = (separator: string) => rowsFrom(head.text, separator)[0]?.cells?.length ?? Infinity;
  const best = SEPARATORS.reduce((best, each) => count(each) > count(best) ? each : best);
  const isBlank = names ? !kindOf(numberIn(names.text)) : isSpaced(body);
  return count(best) <= 1 && isBlank ? " " : best;
}

/** Whether blanks separate numbers: the merchant's own may hold blanks, but hardly digits in each part. */
function isSpaced(body: string): boolean {
  const rows = rowsFrom(body, `${ALL_SEPARATORS} `).flatMap(({ cells }) => cells ? [cells.filter((cell) => cell)] : []);
  return rows.some((cells) => cells.length > 1) && rows.flat().every((cell) => /\d/.test(cell));
}

/** Whether rows are no table, since there is but one or they differ in their number of cells. */
function isFlat(rows: readonly DataRow[]): boolean {
  return rows.length === 1 || new Set(rows.map(({ cells }) => cells.length)).size > 1;
}

/** Whether a row without any known name holds names: none of its cells has a digit, which the next row's have. */
function namesColumns({ cells }: DataRow, next: DataRow): boolean {
  const has = (texts: readonly string[], pattern: RegExp) => texts.some((text) => pattern.test(text));
  return !has(cells, /\d/) && has(next.cells, /\d/) && (widthOf(cells) > 1 || has(cells, /[\p{Script=Han}\s]/u));
}

/** The column of a known name that is filled most, since results saved as CSV hold both numbers only where found. */
function namedColumn(header: readonly string[], rows: readonly DataRow[]): number | undefined {
  const filled = (at: number) => rows.filter(({ cells }) => (cells[at] ?? "") !== "").length;
  const named = header.flatMap((name, at) => kindOf(name) ? [{ at, count: filled(at) }] : []);
  return named.sort((a, b) => b.count - a.count)[0]?.at;
}

function likelyColumn(rows: readonly DataRow[]): Column {
  const filled = rows.flatMap(({ cells }) => cells.filter((cell) => cell !== ""));
  const [first = ""] = filled;
  const frame = (cell: string) => cell.replace(/\d+/g, "");
  const areAlike = filled.every((cell) => frame(cell) === frame(first) && Math.abs(cell.length - first.length) <= 2);
  if (areAlike && rows.some(({ cells }) => widthOf(cells) > 1)) return "all";
  return Math.max(0, rows[0]?.cells.findIndex((cell) => cell !== "") ?? 0);
}

/** Number of cells up to the last that is not empty. */
function widthOf(cells: readonly string[]): number {
  return cells.findLastIndex((cell) => cell !== "") + 1;
}
