import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useLayoutEffect, useRef } from "preact/hooks";
import { UntrustedText } from "../facts.tsx";
import { useMessages } from "../i18n/locale.ts";
import { Icon } from "../icon.tsx";
import { LiveRegion } from "../live-region.tsx";
import { nameOf } from "../outcome.ts";
import { DaxPayStatus } from "../refund.tsx";
import { hashOf } from "../route.ts";
import { SkipLink } from "../skip-link.tsx";
import { Timestamp } from "../time.tsx";
import { type Column, COLUMNS, filterRows, groupOf, PAGE_SIZE, type TableView } from "./filter.ts";
import { Groups } from "./groups.tsx";
import type { Row } from "./row.ts";

/** Minimum number of rows for which the keyboard gets a link past them. */
const MIN_SKIPPABLE_ROWS = 10;
const END = "results-end";

interface ResultTableProps {
  readonly rows: readonly Row[];
  readonly running: boolean;
  readonly view: TableView;
  readonly onView: (view: TableView) => void;
}

export function ResultTable({ rows, running, view, onView }: ResultTableProps) {
  const messages = useMessages();
  const { batch } = messages;
  const body = useRef<HTMLTableSectionElement>(null);
  const { limit, sort, opened } = view;
  const matches = filterRows(rows, view, messages);
  const shown = matches.slice(0, limit);
  const { format } = new Intl.NumberFormat(messages.languageTag);
  const count = batch.shown(format(shown.length), format(rows.length));
  const isLong = shown.length >= MIN_SKIPPABLE_ROWS;

  // Focuses the row that was opened last, or the first of the rows that a click on "more" added: its button can be gone.
  const previousLimit = useRef<number>(undefined);
  useLayoutEffect(() => {
    const at = previousLimit.current ?? shown.findIndex((row) => row.index === opened);
    previousLimit.current = limit;
    if (document.activeElement === document.body) body.current?.rows[at]?.querySelector("a")?.focus();
  }, [limit]);

  /** Moves the focus between rows. */
  function onKeyDown(event: KeyboardEvent) {
    const links = [...body.current?.querySelectorAll("a") ?? []];
    const at = links.findIndex((link) => link === event.target);
    const targets: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: links.length - 1 };
    if (at < 0 || !(event.key in targets) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    links[targets[event.key]]?.focus();
  }

  return (
    <section class="results">
      <Groups rows={rows} selected={view.group} onSelect={(group) => onView({ ...view, group })} running={running} />
      <p class="search">
        <label for="search">{batch.search}</label>
        <input
          id="search"
          type="search"
          value={view.search}
          onInput={(event) => onView({ ...view, search: event.currentTarget.value })}
        />
        <span class="note" role="status">{count}</span>
        {isLong && <span class="note">{batch.keys}</span>}
        {isLong && <SkipLink to={END}>{batch.skip}</SkipLink>}
      </p>
      <LiveRegion text={sort ? batch.sorted[sort.direction](batch.columns[sort.column]) : ""} />
      <div class="scroll" role="region" aria-label={batch.table}>
        <table>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th
                  key={column}
                  scope="col"
                  data-column={column}
                  aria-sort={sort?.column === column ? sort.direction : "none"}
                >
                  <button
                    type="button"
                    title={batch.sortBy(batch.columns[column])}
                    onClick={() => onView({ ...view, sort: { column, direction: nextDirection(view, column) } })}
                  >
                    {batch.columns[column]}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={onKeyDown}>
            {shown.map((row) => (
              <TableRow
                key={row.index}
                row={row}
                running={running}
                onOpen={() => onView({ ...view, opened: row.index })}
              />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p class="note">{batch.noMatch}</p>}
      </div>
      {isLong && (
        <p id={END} class="end" tabIndex={-1}>
          <span class="note">{count}</span>
          {matches.length > limit && (
            <button
              type="button"
              onClick={() => onView({ ...view, limit: limit + PAGE_SIZE })}
            >
              {batch.more(format(Math.min(PAGE_SIZE, matches.length - limit)))}
            </button>
          )}
        </p>
      )}
    </section>
  );
}

/** The direction after a click on a column's header. */
function nextDirection({ sort }: TableView, column: Column) {
  if (sort?.column !== column || sort.direction === "none") return "ascending";
  return sort.direction === "ascending" ? "descending" : "none";
}

function TableRow({ row, running, onOpen }: { row: Row; running: boolean; onOpen: () => void }) {
  const messages = useMessages();
  const { refundRef, outcome } = row;
  const refund = outcome?.case === "refund" ? outcome.value : undefined;
  const failure = outcome?.case === "failure" ? outcome.value : undefined;
  const group = groupOf(row);
  return (
    <tr class={group}>
      <th scope="row">
        <a href={hashOf({ view: "sync", refundRef })} onClick={onOpen}>
          <UntrustedText text={refundRef.number} />
        </a>
      </th>
      <td class="outcome">
        <Icon kind={group} />
        {outcome ? nameOf(outcome, messages) : running ? messages.batch.waiting : messages.batch.noResult}
      </td>
      <td>
        {refund && <DaxPayStatus refund={refund} />}
        {failure && <UntrustedText text={failure.daxpayMessage} multiline />}
      </td>
      <td>{refund?.replyTime && <Timestamp at={timestampDate(refund.replyTime)} timeOnly />}</td>
      <td>
        <code>
          <UntrustedText text={refund?.daxpayTraceId ?? failure?.daxpayTraceId ?? ""} />
        </code>
      </td>
    </tr>
  );
}
