import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Mark, markOf, nameOf } from "../outcome.ts";
import type { Words } from "../words/en.ts";
import type { Row } from "./run.ts";

export type Group = Mark | "waiting";
export const SORT_KEYS = ["number", "outcome", "word", "time", "trace"] as const;
export type SortKey = typeof SORT_KEYS[number];
/** Where a search looks: a time's text is for sorting, nobody sees it. */
const SEARCHED: readonly SortKey[] = SORT_KEYS.filter((key) => key !== "time");

/** Which rows are shown, and in which order. */
export interface Sieve {
  readonly group: Group | undefined;
  readonly search: string;
  /** Unset until the reader first wishes an order; "none" is the list's own. */
  readonly sort: { readonly key: SortKey; readonly direction: "ascending" | "descending" | "none" } | undefined;
}

/** How the results are looked at, which outlasts a look into one of them. */
export interface Look extends Sieve {
  /** How many of the rows are rendered: filter and sort see all, the browser lays out few. */
  readonly limit: number;
  /** Index of the row that was looked into last. */
  readonly opened: number | undefined;
}

/** Rows rendered at first, and more at each wish. */
export const PAGE = 100;
export const FIRST_LOOK: Look = { group: undefined, search: "", sort: undefined, limit: PAGE, opened: undefined };

export function groupOf(row: Row): Group {
  return row.outcome ? markOf(row.outcome) : "waiting";
}

export function countGroups(rows: readonly Row[]): ReadonlyMap<Group, number> {
  const counts = new Map<Group, number>();
  for (const row of rows) counts.set(groupOf(row), (counts.get(groupOf(row)) ?? 0) + 1);
  return counts;
}

export function sift(rows: readonly Row[], { group, search, sort }: Sieve, words: Words): readonly Row[] {
  const wanted = search.trim().toLowerCase();
  const found = rows.filter((row) =>
    (group === undefined || groupOf(row) === group) &&
    (wanted === "" || SEARCHED.some((key) => textOf(row, key, words).toLowerCase().includes(wanted)))
  );
  if (!sort || sort.direction === "none") return found;
  const { compare } = new Intl.Collator(words.locale, { numeric: true });
  const keyed = found.map((row) => ({ row, text: textOf(row, sort.key, words) }));
  keyed.sort((a, b) => compare(a.text, b.text) * (sort.direction === "descending" ? -1 : 1));
  return keyed.map(({ row }) => row);
}

/** What a column says of a row; empty where it says nothing yet. */
export function textOf({ named, outcome }: Row, key: SortKey, words: Words): string {
  if (key === "number") return named.number;
  if (!outcome) return "";
  if (key === "outcome") return nameOf(outcome, words);
  if (outcome.case === "error") return "";
  if (key === "trace") return outcome.value.daxpayTraceId;
  if (outcome.case === "failure") return key === "word" ? outcome.value.daxpayMessage : "";
  if (key === "word") return outcome.value.daxpayStatus;
  return outcome.value.replyTime ? String(timestampMs(outcome.value.replyTime)) : "";
}
