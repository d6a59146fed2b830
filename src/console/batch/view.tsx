import { Commands } from "../commands.tsx";
import { FailureCard } from "../failure.tsx";
import type { Messages } from "../i18n/en.ts";
import { useMessages } from "../i18n/locale.ts";
import { LiveRegion } from "../live-region.tsx";
import { nameOf } from "../outcome.ts";
import { Result } from "../result.tsx";
import { requestFrom } from "../route.ts";
import { useTitle } from "../title.ts";
import { csvFrom } from "./csv.ts";
import { ListForm } from "./list-form.tsx";
import { hasState, type Row } from "./row.ts";
import type { Batch } from "./run.ts";
import { ResultTable } from "./table.tsx";

interface BatchViewProps {
  readonly batch: Batch;
  readonly text: string;
  readonly onText: (text: string) => void;
}

/** Maximum number of refunds in the command; longer lists are for programs. */
const MAX_COMMAND_REFUNDS = 10;

export function BatchView({ batch, text, onText }: BatchViewProps) {
  const messages = useMessages();
  const { rows, phase, failure } = batch;
  const number = new Intl.NumberFormat(messages.languageTag);
  const withoutState = countWithoutState(rows);
  const progress = progressText(batch, messages);
  useTitle(phase === "none" ? "" : progress);
  if (phase === "none") {
    return (
      <section class="batch">
        <h1>{messages.batch.heading}</h1>
        <ListForm text={text} onText={onText} onStart={batch.start} />
      </section>
    );
  }

  return (
    <Result class="batch" label={messages.batch.heading}>
      <h1>{messages.batch.heading}</h1>
      <LiveRegion text={failure ? nameOf(failure.outcome, messages) : announcedProgress(batch, messages)} />
      <p class="progress">
        <label for="progress">{progress}</label>
        <progress id="progress" value={countDone(rows)} max={rows.length} />
      </p>
      <p class="buttons">
        {phase === "running" && <button type="button" onClick={batch.stop}>{messages.batch.stop}</button>}
        {phase !== "running" && withoutState > 0 && (
          <button type="button" class="main" onClick={batch.retry}>
            {messages.batch.retry(number.format(withoutState))}
          </button>
        )}
        <button type="button" onClick={() => save(csvFrom(rows))}>{messages.batch.save}</button>
        {phase !== "running" && <button type="button" onClick={batch.clear}>{messages.batch.clear}</button>}
      </p>
      {failure && <FailureCard {...failure} />}
      <ResultTable rows={rows} running={phase === "running"} view={batch.view} onView={batch.setView} />
      <Commands
        call={{
          method: "BatchSyncRefunds",
          request: { requests: rows.slice(0, MAX_COMMAND_REFUNDS).map((row) => requestFrom(row.refundRef)) },
        }}
      />
    </Result>
  );
}

function countDone(rows: readonly Row[]): number {
  return rows.filter((row) => row.outcome).length;
}

function countWithoutState(rows: readonly Row[]): number {
  return rows.filter((row) => !hasState(row)).length;
}

function progressText({ rows, phase }: Batch, { batch, languageTag }: Messages): string {
  const { format } = new Intl.NumberFormat(languageTag);
  const all = format(rows.length);
  if (phase !== "finished") return batch.progress(format(countDone(rows)), all);
  const withoutState = countWithoutState(rows);
  return withoutState > 0 ? batch.finishedWithout(all, format(withoutState)) : batch.finished(all);
}

/** Progress in steps of 25 percent, so that a screen reader announces it four times and not a thousand. */
function announcedProgress(batch: Batch, messages: Messages): string {
  if (batch.phase === "finished") return progressText(batch, messages);
  if (batch.phase === "stopped") return messages.batch.stopped;
  const quarters = Math.floor(countDone(batch.rows) / batch.rows.length * 4);
  return quarters === 0 ? "" : new Intl.NumberFormat(messages.languageTag, { style: "percent" }).format(quarters / 4);
}

function save(csv: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `refunds-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv`;
  link.click();
  URL.revokeObjectURL(url);
}
