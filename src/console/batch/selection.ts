import { doubtIn, type DoubtKind } from "../../util/doubtful-number.ts";
import type { Column, List, Skipped } from "./list.ts";

export type SkipReason = List["skipped"][number]["reason"] | "empty" | "lineBreak" | "duplicate" | DoubtKind;

/** The numbers of a column. */
export interface Selection {
  /** Distinct, in the order of the list. */
  readonly numbers: readonly string[];
  /** Distinct numbers that may be none, or others than they were. */
  readonly doubtful: readonly (Skipped<DoubtKind> & { readonly number: string })[];
  /** Everything else in the list, by line. */
  readonly skipped: readonly Skipped<SkipReason>[];
}

interface Candidate {
  readonly line: number;
  readonly text: string;
  readonly number: string;
}

/** Selects the numbers to sync. Everything in the list is in the result once. */
export function select({ rows, skipped: skippedRows }: List, column: Column): Selection {
  const skipped: Skipped<SkipReason>[] = [...skippedRows];
  const candidates: Candidate[] = [];
  for (const { cells, line, text } of rows) {
    const numbers = column === "all" ? cells.filter((cell) => cell !== "") : [cells[column] ?? ""];
    for (const number of numbers) {
      if (number === "") skipped.push({ line, text, reason: "empty" });
      // As after a quotation mark that nothing closes.
      else if (/[\r\n]/.test(number)) skipped.push({ line, text: number, reason: "lineBreak" });
      else candidates.push({ line, text: number, number });
    }
  }

  const seen = new Set<string>();
  const numbers: string[] = [];
  const doubtful: Selection["doubtful"][number][] = [];
  const mayBeRounded = areRounded(candidates);
  for (const { line, text, number } of candidates) {
    const doubt = doubtIn(number);
    if (doubt?.certain) skipped.push({ line, text, reason: doubt.kind });
    else if (seen.has(number)) skipped.push({ line, text, reason: "duplicate" });
    else if (doubt && (mayBeRounded || !endsByChance(number))) {
      doubtful.push({ line, text, reason: doubt.kind, number });
    } else numbers.push(number);
    seen.add(number);
  }
  return { numbers, doubtful, skipped: skipped.sort((a, b) => a.line - b.line) };
}

/** Whether the zeros may be chance: one number of 16 digits in ten ends in one, one of 17 digits in a hundred in two. */
function endsByChance(number: string): boolean {
  return doubtIn(number)?.kind === "rounded" && number.length <= 17;
}

/** Whether every number that is long enough looks rounded, as when a spreadsheet rounded the column. */
function areRounded(candidates: readonly Candidate[]): boolean {
  return candidates.filter(({ number }) => /^\d{16,}$/.test(number))
    .every(({ number }) => doubtIn(number)?.kind === "rounded");
}
