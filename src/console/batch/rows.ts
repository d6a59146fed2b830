import { doubtIn } from "../../util/doubtful-number.ts";

const BLANKS = "[ \\u3000]";

/** A row of a list. */
export interface ListRow {
  /** Number of its first line, from 1. */
  readonly line: number;
  /** The row as it stands in the list. */
  readonly text: string;
  /** Without quotes and white space around them; undefined for a comment. */
  readonly cells: readonly string[] | undefined;
}

/**
 * Splits a text into rows of cells, quoted as in RFC 4180. Blank rows are left out; a row that starts with "#" is a
 * comment unless it starts with a spreadsheet's error.
 *
 * @param separators The characters that separate cells. A row of blanks counts as one separator.
 */
export function rowsFrom(text: string, separators: string): ListRow[] {
  const cell = cellPattern(separators);
  const comment = /[^\S\r\n]*#[^\r\n]*(?:\r?\n|\r|$)/y;
  const rows: ListRow[] = [];
  let line = 1;
  for (let at = 0, start = 0; at < text.length; start = at) {
    let cells: string[] | undefined;
    comment.lastIndex = cell.lastIndex = at;
    if (comment.test(text) && !startsWithError(text.slice(start, comment.lastIndex))) {
      at = comment.lastIndex;
    } else {
      cells = [];
      let end: string | undefined;
      do {
        const [, quoted, plain, separator] = cell.exec(text) ?? [];
        cells.push((quoted?.replaceAll('""', '"') ?? plain ?? "").trim());
        end = separator;
      } while (end && !/[\r\n]/.test(end));
      at = end ? cell.lastIndex : text.length;
    }
    const raw = text.slice(start, at);
    if (!cells || cells.some((each) => each !== "")) rows.push({ line, text: raw.trim(), cells });
    line += raw.match(/\r?\n|\r/g)?.length ?? 0;
  }
  return rows;
}

function cellPattern(separators: string): RegExp {
  const single = `[${separators.replace(" ", "").replace(/[\\\]^-]/g, "\\$&")}]`;
  const separator = separators.includes(" ") ? `${single}|${BLANKS}+` : single;
  const next = `(${separator}|\\r?\\n|\\r|$)`;
  const quoted = `"((?:[^"]|"")*)"(?:(?!${separator})[^\\S\\r\\n])*`;
  const plain = `((?:(?!${separator})[^\\r\\n])*)`;
  return new RegExp(`${BLANKS}*(?:${quoted}|${plain})${next}`, "y");
}

function startsWithError(line: string): boolean {
  const [first] = line.split(/[,，;；、|\t]/, 1);
  return doubtIn(first.trim())?.kind === "error";
}
