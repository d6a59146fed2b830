import { Announcer } from "../announce.tsx";
import { Commands } from "../commands.tsx";
import { FailureCard } from "../failure.tsx";
import { nameOf } from "../outcome.ts";
import { Result } from "../result.tsx";
import { queryOf } from "../route.ts";
import { useTitle } from "../title.ts";
import { useWords } from "../words/choose.ts";
import type { Words } from "../words/en.ts";
import { csvFrom } from "./csv.ts";
import { ListEntry } from "./entry.tsx";
import { type Batch, isAnswered, type Row } from "./run.ts";
import { ResultTable } from "./table.tsx";

interface BatchViewProps {
  readonly batch: Batch;
  readonly text: string;
  readonly onText: (text: string) => void;
}

/** The command line names so many refunds at the most; the rest is left to a program. */
const SHOWN_IN_COMMAND = 10;

export function BatchView({ batch, text, onText }: BatchViewProps) {
  const words = useWords();
  const { rows, phase, failure } = batch;
  const number = new Intl.NumberFormat(words.locale);
  const missing = countMissing(rows);
  const said = progressText(batch, words);
  useTitle(phase === "none" ? "" : said);
  if (phase === "none") {
    return (
      <section class="batch">
        <h1>{words.batch.heading}</h1>
        <ListEntry text={text} onText={onText} onStart={batch.start} />
      </section>
    );
  }

  return (
    <Result class="batch" label={words.batch.heading}>
      <h1>{words.batch.heading}</h1>
      <Announcer text={failure ? nameOf(failure.outcome, words) : spokenProgress(batch, words)} />
      <p class="progress">
        <label for="progress">{said}</label>
        <progress id="progress" value={countDone(rows)} max={rows.length} />
      </p>
      <p class="buttons">
        {phase === "running" && <button type="button" onClick={batch.stop}>{words.batch.stop}</button>}
        {phase !== "running" && missing > 0 && (
          <button type="button" class="main" onClick={batch.retry}>{words.batch.retry(number.format(missing))}</button>
        )}
        <button type="button" onClick={() => save(csvFrom(rows))}>{words.batch.save}</button>
        {phase !== "running" && <button type="button" onClick={batch.clear}>{words.batch.clear}</button>}
      </p>
      {failure && <FailureCard outcome={failure.outcome} learnedAt={failure.at} />}
      <ResultTable rows={rows} running={phase === "running"} look={batch.look} onLook={batch.lookAt} />
      <Commands
        call={{
          method: "BatchSyncRefunds",
          request: { refunds: rows.slice(0, SHOWN_IN_COMMAND).map((row) => queryOf(row.named)) },
        }}
      />
    </Result>
  );
}

function countDone(rows: readonly Row[]): number {
  return rows.filter((row) => row.outcome).length;
}

function countMissing(rows: readonly Row[]): number {
  return rows.filter((row) => !isAnswered(row)).length;
}

function progressText({ rows, phase }: Batch, words: Words): string {
  const { format } = new Intl.NumberFormat(words.locale);
  const all = format(rows.length);
  const missing = countMissing(rows);
  if (phase !== "finished") return words.batch.done(format(countDone(rows)), all);
  return missing > 0 ? words.batch.finishedBut(all, format(missing)) : words.batch.finished(all);
}

/** In steps of 25 percent, so that a screen reader is told four times and not a thousand. */
function spokenProgress(batch: Batch, words: Words): string {
  if (batch.phase === "finished") return progressText(batch, words);
  if (batch.phase === "stopped") return words.batch.stopped;
  const quarters = Math.floor(countDone(batch.rows) / batch.rows.length * 4);
  return quarters === 0 ? "" : new Intl.NumberFormat(words.locale, { style: "percent" }).format(quarters / 4);
}

function save(csv: string): void {
  const address = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `refunds-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`;
  link.click();
  URL.revokeObjectURL(address);
}
