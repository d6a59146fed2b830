import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Mark, markOf, nameOf } from "../outcome.ts";
import type { Words } from "../words/en.ts";
import type { Row } from "./run.ts";

export type Group = Mark | "waiting";
export const SORT_KEYS = ["number", "outcome", "word", "time", "trace"] as const;
export type SortKey = typeof SORT_KEYS[number];

/** Which rows are shown, and in which order. */
export interface Sieve {
  readonly group: Group | undefined;
  readonly search: string;
  /** In the list's own order if unset. */
  readonly sort: { readonly key: SortKey; readonly descending: boolean } | undefined;
}

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
    (wanted === "" || SORT_KEYS.some((key) => textOf(row, key, words).toLowerCase().includes(wanted)))
  );
  if (!sort) return found;
  const { compare } = new Intl.Collator(words.locale, { numeric: true });
  const keyed = found.map((row) => ({ row, text: textOf(row, sort.key, words) }));
  keyed.sort((a, b) => compare(a.text, b.text) * (sort.descending ? -1 : 1));
  return keyed.map(({ row }) => row);
}

/** What a column says of a row; empty where it says nothing yet. */
export function textOf({ named, outcome }: Row, key: SortKey, words: Words): string {
  if (key === "number") return named.number;
  if (!outcome) return "";
  if (key === "outcome") return nameOf(outcome, words);
  if (outcome.case === "error") return "";
  if (key === "trace") return outcome.value.traceId;
  if (outcome.case === "failure") return key === "word" ? outcome.value.daxpayMessage : "";
  if (key === "word") return outcome.value.daxpayStatus;
  return outcome.value.repliedAt ? String(timestampMs(outcome.value.repliedAt)) : "";
}
