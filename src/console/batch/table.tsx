import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import { Foreign } from "../facts.tsx";
import { Icon } from "../icon.tsx";
import { nameOf } from "../outcome.ts";
import { DaxPayWord } from "../refund.tsx";
import { hashOf } from "../route.ts";
import { Moment } from "../time.tsx";
import { useWords } from "../words/choose.ts";
import { Groups } from "./groups.tsx";
import type { Row } from "./run.ts";
import { groupOf, type Sieve, sift, SORT_KEYS, type SortKey } from "./sift.ts";

/** Rows rendered at first, and more at each wish: filter and sort see all, the browser lays out few. */
const PAGE = 100;

export function ResultTable({ rows, running }: { rows: readonly Row[]; running: boolean }) {
  const words = useWords();
  const [sieve, setSieve] = useState<Sieve>({ group: undefined, search: "", sort: undefined });
  const [limit, setLimit] = useState(PAGE);
  const shown = sift(rows, sieve, words);
  const number = new Intl.NumberFormat(words.locale);

  function sortBy(key: SortKey) {
    const { sort } = sieve;
    if (sort?.key !== key) return setSieve({ ...sieve, sort: { key, descending: false } });
    setSieve({ ...sieve, sort: sort.descending ? undefined : { key, descending: true } });
  }

  return (
    <section class="results">
      <Groups rows={rows} chosen={sieve.group} onChoose={(group) => setSieve({ ...sieve, group })} running={running} />
      <p class="search">
        <label for="search">{words.batch.search}</label>
        <input
          id="search"
          type="search"
          value={sieve.search}
          onInput={(event) => setSieve({ ...sieve, search: event.currentTarget.value })}
        />
        <span class="note" role="status">
          {words.batch.shown(number.format(Math.min(limit, shown.length)), number.format(rows.length))}
        </span>
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label={words.batch.table}>
        <table>
          <thead>
            <tr>
              {SORT_KEYS.map((key) => (
                <th
                  key={key}
                  scope="col"
                  data-column={key}
                  aria-sort={sieve.sort?.key !== key ? "none" : sieve.sort.descending ? "descending" : "ascending"}
                >
                  <button
                    type="button"
                    title={words.batch.sortBy(words.batch.columns[key])}
                    onClick={() => sortBy(key)}
                  >
                    {words.batch.columns[key]}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, limit).map((row) => <Line key={row.index} row={row} running={running} />)}
          </tbody>
        </table>
        {shown.length === 0 && <p class="note">{words.batch.nothing}</p>}
      </div>
      {shown.length > limit && (
        <p>
          <button type="button" onClick={() => setLimit(limit + PAGE)}>
            {words.batch.more(number.format(Math.min(PAGE, shown.length - limit)))}
          </button>
        </p>
      )}
    </section>
  );
}

function Line({ row, running }: { row: Row; running: boolean }) {
  const words = useWords();
  const { named, outcome } = row;
  const refund = outcome?.case === "refund" ? outcome.value : undefined;
  const failure = outcome?.case === "failure" ? outcome.value : undefined;
  const group = groupOf(row);
  return (
    <tr class={group}>
      <th scope="row">
        <a href={hashOf({ view: "sync", named })}>
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
      <td>{refund?.repliedAt && <Moment at={timestampDate(refund.repliedAt)} dateless />}</td>
      <td>
        <code>
          <Foreign text={refund?.traceId ?? failure?.traceId ?? ""} />
        </code>
      </td>
    </tr>
  );
}
