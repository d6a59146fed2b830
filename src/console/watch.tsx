import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "preact/hooks";
import type { WatchRefundResponse } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Announcer } from "./announce.tsx";
import { Commands } from "./commands.tsx";
import { durationText } from "./duration.ts";
import { FailureCard } from "./failure.tsx";
import { nameOf, type Outcome, outcomeFrom } from "./outcome.ts";
import { RefundCard } from "./refund.tsx";
import { Result } from "./result.tsx";
import { type Named, queryOf } from "./route.ts";
import { nextAttemptMs, type Service, type Settings, useService } from "./service.ts";
import { useLeft } from "./time.tsx";
import { type Entry, Timeline } from "./timeline.tsx";
import { useTitle } from "./title.ts";
import { useWords } from "./words/choose.ts";
import type { Words } from "./words/en.ts";

interface WatchViewProps {
  readonly named: Named;
  readonly clientIp: string;
  readonly onAgain: () => void;
}

/** How the watch stands. Moments are milliseconds since 1970. */
type Phase =
  | { readonly name: "starting" | "ended" | "failed" | "stopped" }
  /** The latest attempt came at that moment; the next may not come before leastMs. */
  | { readonly name: "open"; readonly at: number; readonly attempt: number; readonly leastMs: number }
  | { readonly name: "lost"; readonly againAt: number };

interface Learned {
  readonly outcome: Outcome;
  readonly at: number;
}

/** Follows one refund as soon as it is shown, until its state is final or the reader leaves. */
export function WatchView({ named, clientIp, onAgain }: WatchViewProps) {
  const words = useWords();
  const service = useService();
  const [phase, setPhase] = useState<Phase>({ name: "starting" });
  const [entries, setEntries] = useState<readonly Entry[]>([]);
  const [last, setLast] = useState<Learned>();
  const [stop, setStop] = useState<() => void>();
  const request = { ...queryOf(named), ...(clientIp && { clientIp }) };

  useEffect(() => {
    const abort = new AbortController();
    setPhase({ name: "starting" });
    setEntries([]);
    setStop(() => () => {
      abort.abort();
      setPhase({ name: "stopped" });
    });
    follow(service, request, abort.signal, {
      phase: setPhase,
      entry: (entry) => setEntries((before) => [{ ...entry, key: before.length }, ...before]),
      learned: setLast,
    });
    return () => abort.abort();
  }, [service.admission]);

  const name = last ? nameOf(last.outcome, words) : "";
  useTitle(name && `${name} · ${named.number}`);
  const going = phase.name === "starting" || phase.name === "open" || phase.name === "lost";
  return (
    <Result class="result" label={named.number}>
      <Announcer text={[name, spokenPhase(phase, words)].filter((text) => text !== "").join(" ")} />
      <div class={`card quiet phase ${phase.name}`}>
        {going && <span class="spinner" aria-hidden="true" />}
        <PhaseText phase={phase} />
        {going
          ? <button type="button" onClick={stop}>{words.watch.stop}</button>
          : <button type="button" onClick={onAgain}>{words.watch.start}</button>}
      </div>
      {last?.outcome.case === "refund" && <RefundCard refund={last.outcome.value} learnedAt={last.at} />}
      {last && last.outcome.case !== "refund" && <FailureCard outcome={last.outcome} learnedAt={last.at} />}
      {entries.length > 0 && <Timeline entries={entries} />}
      <Commands call={{ method: "WatchRefund", request }} />
    </Result>
  );
}

interface Listener {
  readonly phase: (phase: Phase) => void;
  readonly entry: (entry: Omit<Entry, "key">) => void;
  readonly learned: (learned: Learned) => void;
}

async function follow(service: Service, request: object, signal: AbortSignal, tell: Listener): Promise<void> {
  let lost = false;
  const onReconnect = (_error: unknown, waitMs: number) => {
    if (!lost) tell.entry({ at: new Date(), event: "lost" });
    lost = true;
    tell.phase({ name: "lost", againAt: Date.now() + waitMs });
  };
  try {
    for await (const response of service.client.watchUntilFinal(request, { signal, onReconnect })) {
      if (lost) tell.entry({ at: new Date(), event: "back" });
      lost = false;
      const outcome = outcomeOf(response);
      if (!outcome) continue;
      const at = Date.now();
      tell.learned({ outcome, at });
      const { attempt, observeTime } = response;
      tell.entry({ at: observeTime ? timestampDate(observeTime) : new Date(at), event: "attempt", attempt, outcome });
      tell.phase({ name: "open", at, attempt, leastMs: leastMs(outcome) });
    }
    tell.phase({ name: "ended" });
  } catch (error) {
    if (signal.aborted) return;
    const outcome = outcomeFrom(error);
    tell.learned({ outcome, at: Date.now() });
    tell.phase({ name: "failed" });
    service.check(outcome);
  }
}

function outcomeOf({ outcome }: WatchRefundResponse): Outcome | undefined {
  return outcome.case === undefined ? undefined : outcome;
}

function leastMs(outcome: Outcome): number {
  if (outcome.case === "error") return 0;
  const wait = outcome.case === "refund" ? outcome.value.nextSyncDelay : outcome.value.retryDelay;
  return wait ? durationMs(wait) : 0;
}

function PhaseText({ phase }: { phase: Phase }) {
  const words = useWords();
  const { settings } = useService();
  const left = useLeft(dueAt(phase, settings));
  const time = durationText(left, words.locale);
  switch (phase.name) {
    case "open":
      return <p class="countdown">{left > 0 ? words.watch.next(time) : words.watch.soon}</p>;
    case "lost":
      return <p class="countdown">{left > 0 ? words.watch.reconnecting(time) : words.watch.reconnect}</p>;
    default:
      return <p>{spokenPhase(phase, words)}</p>;
  }
}

/** When something happens next, in milliseconds since 1970. */
function dueAt(phase: Phase, settings: Settings | undefined): number | undefined {
  if (phase.name === "open") return phase.at + nextAttemptMs(phase.attempt, phase.leastMs, settings);
  return phase.name === "lost" ? phase.againAt : undefined;
}

/** Without a countdown: a screen reader must not speak every second. */
function spokenPhase(phase: Phase, words: Words): string {
  switch (phase.name) {
    case "open":
      return "";
    case "lost":
      return words.watch.lost;
    default:
      return words.watch[phase.name];
  }
}
