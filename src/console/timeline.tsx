import { Icon } from "./icon.tsx";
import { markOf, nameOf, type Outcome } from "./outcome.ts";
import { DaxPayWord } from "./refund.tsx";
import { Moment } from "./time.tsx";
import { useWords } from "./words/choose.ts";

/** One line of a watch's story. */
export interface Entry {
  readonly key: number;
  readonly at: Date;
  readonly event: "attempt" | "lost" | "back";
  readonly attempt?: number;
  readonly outcome?: Outcome;
}

export function Timeline({ entries }: { entries: readonly Entry[] }) {
  const words = useWords();
  return (
    <section class="timeline">
      <h2 id="timeline">{words.watch.timeline}</h2>
      <ol reversed aria-labelledby="timeline">
        {entries.map((entry) => <Line key={entry.key} entry={entry} />)}
      </ol>
    </section>
  );
}

function Line({ entry: { at, event, attempt, outcome } }: { entry: Entry }) {
  const words = useWords();
  const mark = outcome ? markOf(outcome) : event === "lost" ? "silent" : "waiting";
  return (
    <li class={mark}>
      <Icon mark={mark} />
      <Moment at={at} dateless />
      {attempt !== undefined && <span class="attempt">{words.watch.attempt(attempt)}</span>}
      <strong>{outcome ? nameOf(outcome, words) : words.watch[event === "lost" ? "lost" : "back"]}</strong>
      {outcome?.case === "refund" && <DaxPayWord refund={outcome.value} />}
    </li>
  );
}
