import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Announcer } from "../announce.tsx";
import { Foreign } from "../facts.tsx";
import { Icon } from "../icon.tsx";
import { nameOf } from "../outcome.ts";
import { DaxPayWord } from "../refund.tsx";
import { hashOf } from "../route.ts";
import { Skip } from "../skip.tsx";
import { Moment } from "../time.tsx";
import { useWords } from "../words/choose.ts";
import { Groups } from "./groups.tsx";
import type { Row } from "./run.ts";
import { groupOf, type Look, PAGE, sift, SORT_KEYS, type SortKey } from "./sift.ts";

/** From so many rows on, the keyboard is offered a way past them. */
const SKIPPED_FROM = 10;
const END = "results-end";

interface ResultTableProps {
  readonly rows: readonly Row[];
  readonly running: boolean;
  readonly look: Look;
  readonly onLook: (look: Look) => void;
}

export function ResultTable({ rows, running, look, onLook }: ResultTableProps) {
  const words = useWords();
  const body = useRef<HTMLTableSectionElement>(null);
  const { limit, sort, opened } = look;
  const sifted = sift(rows, look, words);
  const shown = sifted.slice(0, limit);
  const number = new Intl.NumberFormat(words.locale);
  const count = words.batch.shown(number.format(shown.length), number.format(rows.length));
  const isLong = shown.length >= SKIPPED_FROM;

  // Who comes back from a row goes on there. The button for more vanishes with the last of them: what it brought is next.
  const before = useRef<number>(undefined);
  useLayoutEffect(() => {
    const at = before.current ?? shown.findIndex((row) => row.index === opened);
    before.current = limit;
    if (document.activeElement === document.body) body.current?.rows[at]?.querySelector("a")?.focus();
  }, [limit]);

  /** Leads from row to row, and out of the midst of many. */
  function move(event: KeyboardEvent) {
    const links = [...body.current?.querySelectorAll("a") ?? []];
    const at = links.findIndex((link) => link === event.target);
    const goals: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: links.length - 1 };
    if (at < 0 || !(event.key in goals) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    links[goals[event.key]]?.focus();
  }

  return (
    <section class="results">
      <Groups rows={rows} chosen={look.group} onChoose={(group) => onLook({ ...look, group })} running={running} />
      <p class="search">
        <label for="search">{words.batch.search}</label>
        <input
          id="search"
          type="search"
          value={look.search}
          onInput={(event) => onLook({ ...look, search: event.currentTarget.value })}
        />
        <span class="note" role="status">{count}</span>
        {isLong && <span class="note">{words.batch.keys}</span>}
        {isLong && <Skip to={END}>{words.batch.skip}</Skip>}
      </p>
      <Announcer text={sort ? words.batch.sorted[sort.direction](words.batch.columns[sort.key]) : ""} />
      <div class="scroll" role="region" aria-label={words.batch.table}>
        <table>
          <thead>
            <tr>
              {SORT_KEYS.map((key) => (
                <th key={key} scope="col" data-column={key} aria-sort={sort?.key === key ? sort.direction : "none"}>
                  <button
                    type="button"
                    title={words.batch.sortBy(words.batch.columns[key])}
                    onClick={() =>
                      onLook({ ...look, sort: { key, direction: next(look, key) } })}
                  >
                    {words.batch.columns[key]}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={move}>
            {shown.map((row) => (
              <Line
                key={row.index}
                row={row}
                running={running}
                onOpen={() => onLook({ ...look, opened: row.index })}
              />
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p class="note">{words.batch.nothing}</p>}
      </div>
      {isLong && (
        <p id={END} class="end" tabIndex={-1}>
          <span class="note">{count}</span>
          {sifted.length > limit && (
            <button type="button" onClick={() => onLook({ ...look, limit: limit + PAGE })}>
              {words.batch.more(number.format(Math.min(PAGE, sifted.length - limit)))}
            </button>
          )}
        </p>
      )}
    </section>
  );
}

/** The direction that pressing a column's head leads to. */
function next({ sort }: Look, key: SortKey) {
  if (sort?.key !== key || sort.direction === "none") return "ascending";
  return sort.direction === "ascending" ? "descending" : "none";
}

function Line({ row, running, onOpen }: { row: Row; running: boolean; onOpen: () => void }) {
  const words = useWords();
  const { named, outcome } = row;
  const refund = outcome?.case === "refund" ? outcome.value : undefined;
  const failure = outcome?.case === "failure" ? outcome.value : undefined;
  const group = groupOf(row);
  return (
    <tr class={group}>
      <th scope="row">
        <a href={hashOf({ view: "sync", named })} onClick={onOpen}>
          <Foreign text={named.number} />
        </a>
      </th>
      <td class="outcome">
        <Icon mark={group} />
        {outcome ? nameOf(outcome, words) : running ? words.batch.waiting : words.batch.unanswered}
      </td>
      <td>
        {refund && <DaxPayWord refund={refund} />}
        {failure && <Foreign text={failure.daxpayMessage} />}
      </td>
      <td>{refund?.replyTime && <Moment at={timestampDate(refund.replyTime)} dateless />}</td>
      <td>
        <code>
          <Foreign text={refund?.daxpayTraceId ?? failure?.daxpayTraceId ?? ""} />
        </code>
      </td>
    </tr>
  );
}
