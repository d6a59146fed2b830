import { escapeUntyped } from "../util/characters.ts";
import type { SqlValues } from "./sql-values.ts";
import { TrackingError } from "./tracking.ts";

type Field = "track_time" | "next_attempt_time" | "status";

/** A value that a row is sorted by: microseconds since the epoch of a time; null where it is not set. */
export type SortValue = number | string | null;

/** How a page's rows are sorted. Unset values come last in both directions; the row's id decides last. */
export interface SortKey {
  readonly field: Field;
  readonly descending: boolean;
}

interface Column {
  readonly name: string;
  readonly type: "time" | "text";
  readonly nullable: boolean;
}

const COLUMNS: Readonly<Record<Field, Column>> = {
  track_time: { name: "refund.tracked_at", type: "time", nullable: false },
  next_attempt_time: { name: "refund.next_attempt_at", type: "time", nullable: true },
  status: { name: `refund.status COLLATE "C"`, type: "text", nullable: true },
};

const FIELDS = "track_time, next_attempt_time or status";
const MAX_SHOWN_LENGTH = 40;

/** Parses an AIP-132 order, for example "status, track_time desc". Empty: by track_time. Throws a TrackingError. */
export function parseOrder(orderBy: string): readonly SortKey[] {
  if (orderBy.trim() === "") return [{ field: "track_time", descending: false }];
  const keys: SortKey[] = [];
  let position = 1;
  for (const part of orderBy.split(",")) {
    const [, name, direction] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(part) ?? [];
    const at = `at character ${position + part.length - part.trimStart().length}`;
    if (!isField(name)) throw orderError(`expected ${FIELDS}, got ${shown(name)} ${at}`);
    if (direction !== "" && direction !== "desc") {
      throw orderError(`expected "desc" or nothing after ${name}, got ${shown(direction)} ${at}`);
    }
    if (keys.some(({ field }) => field === name)) throw orderError(`expected each field once, got ${name} again ${at}`);
    keys.push({ field: name, descending: direction === "desc" });
    position += part.length + 1;
  }
  return keys;
}

export function orderByClause(keys: readonly SortKey[]): string {
  const parts = keys.map(({ field, descending }) => {
    const { name, nullable } = COLUMNS[field];
    return `${name} ${descending ? "DESC" : "ASC"}${nullable ? " NULLS LAST" : ""}`;
  });
  return [...parts, "refund.id ASC"].join(", ");
}

/** Selects a row's SortValues as the array `sort_values`. */
export function sortValuesColumn(keys: readonly SortKey[]): string {
  const values = keys.map(({ field }) => {
    const { name, type } = COLUMNS[field];
    // Not as a Date, which has milliseconds only: rows would be skipped or repeated.
    return type === "time" ? `round(extract(epoch FROM ${name}) * 1000000)::int8` : name;
  });
  return `jsonb_build_array(${values.join(", ")}) AS sort_values`;
}

/** The condition that a row comes after the one with these values and id. */
export function afterCondition(
  keys: readonly SortKey[],
  after: { readonly values: readonly SortValue[]; readonly id: number },
  parameters: SqlValues,
): string {
  const alternatives: string[] = [];
  const equal: string[] = [];
  for (const [index, { field, descending }] of keys.entries()) {
    const { name, type, nullable } = COLUMNS[field];
    const value = after.values[index];
    if (value === null) {
      // Nothing comes after unset values.
      equal.push(`${name} IS NULL`);
      continue;
    }
    const parameter = parameters.add(value);
    const literal = type === "time"
      ? `timestamptz 'epoch' + ${parameter}::int8 * interval '1 microsecond'`
      : `${parameter}::text`;
    const later = `${name} ${descending ? "<" : ">"} ${literal}`;
    alternatives.push([...equal, nullable ? `(${later} OR ${name} IS NULL)` : later].join(" AND "));
    equal.push(`${name} = ${literal}`);
  }
  alternatives.push([...equal, `refund.id > ${parameters.add(after.id)}::int8`].join(" AND "));
  return `(${alternatives.map((one) => `(${one})`).join(" OR ")})`;
}

/** Whether the values can be those of a row under these keys. */
export function areSortValues(values: readonly unknown[], keys: readonly SortKey[]): values is readonly SortValue[] {
  return values.length === keys.length && keys.every(({ field }, index) => {
    const value = values[index];
    if (value === null) return true;
    return COLUMNS[field].type === "time"
      ? Number.isSafeInteger(value)
      : typeof value === "string" && /^\w*$/.test(value);
  });
}

function isField(name: string): name is Field {
  return Object.hasOwn(COLUMNS, name);
}

function shown(text: string): string {
  return escapeUntyped(JSON.stringify(text.slice(0, MAX_SHOWN_LENGTH)));
}

function orderError(description: string): TrackingError {
  return new TrackingError("INVALID_REQUEST", description, { field: "order_by" });
}
