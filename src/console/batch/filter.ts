import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Messages } from "../i18n/en.ts";
import { kindOf, nameOf, type StatusKind } from "../outcome.ts";
import type { Row } from "./row.ts";

export type Group = StatusKind | "waiting";
export const COLUMNS = ["number", "outcome", "daxpayStatus", "replyTime", "daxpayTraceId"] as const;
export type Column = typeof COLUMNS[number];
/** The columns that a search covers: a time's text is only for sorting. */
const SEARCHED: readonly Column[] = COLUMNS.filter((column) => column !== "replyTime");

/** Which rows are shown, and in which order. */
export interface Filter {
  readonly group: Group | undefined;
  readonly search: string;
  /** Undefined until the user sorts; "none" is the order of the list. */
  readonly sort: { readonly column: Column; readonly direction: "ascending" | "descending" | "none" } | undefined;
}

/** The state of the results table, kept while a single refund is shown. */
export interface TableView extends Filter {
  /** Number of rendered rows; filter and sort apply to all. */
  readonly limit: number;
  /** Index of the row that was opened last. */
  readonly opened: number | undefined;
}

/** Number of rows rendered at first, and more at each request. */
export const PAGE_SIZE = 100;
export const DEFAULT_VIEW: TableView = {
  group: undefined,
  search: "",
  sort: undefined,
  limit: PAGE_SIZE,
  opened: undefined,
};

export function groupOf(row: Row): Group {
  return row.outcome ? kindOf(row.outcome) : "waiting";
}

export function countGroups(rows: readonly Row[]): ReadonlyMap<Group, number> {
  const counts = new Map<Group, number>();
  for (const row of rows) counts.set(groupOf(row), (counts.get(groupOf(row)) ?? 0) + 1);
  return counts;
}

export function filterRows(rows: readonly Row[], { group, search, sort }: Filter, messages: Messages): readonly Row[] {
  const term = search.trim().toLowerCase();
  const matches = rows.filter((row) =>
    (group === undefined || groupOf(row) === group) &&
    (term === "" || SEARCHED.some((column) => textOf(row, column, messages).toLowerCase().includes(term)))
  );
  if (!sort || sort.direction === "none") return matches;
  const { compare } = new Intl.Collator(messages.languageTag, { numeric: true });
  const keyed = matches.map((row) => ({ row, text: textOf(row, sort.column, messages) }));
  keyed.sort((a, b) => compare(a.text, b.text) * (sort.direction === "descending" ? -1 : 1));
  return keyed.map(({ row }) => row);
}

/** The text of a cell; empty where it has none. */
function textOf({ refundRef, outcome }: Row, column: Column, messages: Messages): string {
  if (column === "number") return refundRef.number;
  if (!outcome) return "";
  if (column === "outcome") return nameOf(outcome, messages);
  if (outcome.case === "error") return "";
  if (column === "daxpayTraceId") return outcome.value.daxpayTraceId;
  if (outcome.case === "failure") return column === "daxpayStatus" ? outcome.value.daxpayMessage : "";
  if (column === "daxpayStatus") return outcome.value.daxpayStatus;
  return outcome.value.replyTime ? String(timestampMs(outcome.value.replyTime)) : "";
}
