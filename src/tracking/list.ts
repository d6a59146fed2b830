import type { Sql } from "../store/database.ts";
import { filterCondition } from "./filter.ts";
import { afterCondition, orderByClause, parseOrder, type SortValue, sortValuesColumn } from "./order.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { REFUND_COLUMNS, type RefundRow, trackedRefundFrom } from "./row.ts";
import { createSqlValues } from "./sql-values.ts";
import type { ListQuery, Page, TrackedRefund } from "./tracking.ts";

type ListRow = RefundRow & { readonly sort_values: readonly SortValue[] };

/**
 * One page of the tracked refunds. A refund whose place in the order changes between two pages can be listed twice or not at
 * all; any other is listed once. Throws a TrackingError with INVALID_REQUEST, or the database's error.
 */
export async function listTracked(sql: Sql, query: ListQuery): Promise<Page<TrackedRefund>> {
  const keys = parseOrder(query.orderBy);
  const { values, add } = createSqlValues();
  const conditions = ["refund.tracking_state IS NOT NULL", filterCondition(query.filter, { values, add })];
  if (query.accounts) conditions.push(`refund.account = ANY(${add(query.accounts)}::text[])`);
  if (query.pageToken) conditions.push(afterCondition(keys, readPageToken(query, keys), { values, add }));
  const rows = await sql.query<ListRow>(
    `SELECT ${REFUND_COLUMNS}, ${sortValuesColumn(keys)} FROM refund
     WHERE ${conditions.join(" AND ")} ORDER BY ${orderByClause(keys)} LIMIT ${add(query.pageSize + 1)}::int`,
    values,
  );
  const page = rows.slice(0, query.pageSize);
  const last = page.at(-1);
  const isLastPage = rows.length === page.length || !last;
  return {
    items: page.map(trackedRefundFrom),
    nextPageToken: isLastPage ? "" : writePageToken(query, keys, { values: last.sort_values, id: last.id }),
  };
}
