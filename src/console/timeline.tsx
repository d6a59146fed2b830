import { useMessages } from "./i18n/locale.ts";
import { Icon } from "./icon.tsx";
import { kindOf, nameOf, type Outcome } from "./outcome.ts";
import { DaxPayStatus } from "./refund.tsx";
import { Timestamp } from "./time.tsx";

/** One event of a watch. */
export interface Entry {
  readonly key: number;
  readonly at: Date;
  readonly event: "attempt" | "disconnected" | "reconnected";
  readonly attempt?: number;
  readonly outcome?: Outcome;
}

export function Timeline({ entries }: { entries: readonly Entry[] }) {
  const messages = useMessages();
  return (
    <section class="timeline">
      <h2 id="timeline">{messages.watch.timeline}</h2>
      <ol reversed aria-labelledby="timeline">
        {entries.map((entry) => <TimelineItem key={entry.key} entry={entry} />)}
      </ol>
    </section>
  );
}

function TimelineItem({ entry: { at, event, attempt, outcome } }: { entry: Entry }) {
  const messages = useMessages();
  const kind = outcome ? kindOf(outcome) : event === "disconnected" ? "noState" : "waiting";
  return (
    <li class={kind}>
      <Icon kind={kind} />
      <Timestamp at={at} timeOnly />
      {attempt !== undefined && <span class="attempt">{messages.watch.attempt(attempt)}</span>}
      <strong>
        {outcome ? nameOf(outcome, messages) : messages.watch[event === "disconnected" ? event : "reconnected"]}
      </strong>
      {outcome?.case === "refund" && <DaxPayStatus refund={outcome.value} />}
    </li>
  );
}
