import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { useEffect, useState } from "preact/hooks";
import { Commands } from "./commands.tsx";
import { durationText } from "./duration.ts";
import type { Messages } from "./i18n/en.ts";
import { useMessages } from "./i18n/locale.ts";
import { LiveRegion } from "./live-region.tsx";
import { nameOf, type Outcome, outcomeFrom, outcomeIn, retryDelayMs } from "./outcome.ts";
import { OutcomeCard } from "./outcome-card.tsx";
import { Result } from "./result.tsx";
import { type RefundRef, requestFrom } from "./route.ts";
import { nextAttemptMs, type Service, type Settings, useService } from "./service.ts";
import { useLeft } from "./time.tsx";
import { type Entry, Timeline } from "./timeline.tsx";
import { useTitle } from "./title.ts";

interface WatchViewProps {
  readonly refundRef: RefundRef;
  readonly clientIp: string;
  readonly onRestart: () => void;
}

/** Times are epoch milliseconds. */
type Phase =
  | { readonly name: "starting" | "ended" | "failed" | "stopped" }
  /** The latest attempt was received `at`; the next one follows after `minDelayMs` at the earliest. */
  | { readonly name: "open"; readonly at: number; readonly attempt: number; readonly minDelayMs: number }
  | { readonly name: "disconnected"; readonly reconnectAt: number };

interface Latest {
  readonly outcome: Outcome;
  readonly receivedAt: number;
}

/** Watches one refund as soon as it is shown, until its state is final or the view is left. */
export function WatchView({ refundRef, clientIp, onRestart }: WatchViewProps) {
  const messages = useMessages();
  const service = useService();
  const [phase, setPhase] = useState<Phase>({ name: "starting" });
  const [entries, setEntries] = useState<readonly Entry[]>([]);
  const [latest, setLatest] = useState<Latest>();
  const [stop, setStop] = useState<() => void>();
  const request = requestFrom(refundRef, clientIp);

  useEffect(() => {
    const abort = new AbortController();
    setPhase({ name: "starting" });
    setEntries([]);
    setStop(() => () => {
      abort.abort();
      setPhase({ name: "stopped" });
    });
    runWatch(service, request, abort.signal, {
      onPhase: setPhase,
      onEntry: (entry) => setEntries((before) => [{ ...entry, key: before.length }, ...before]),
      onOutcome: setLatest,
    });
    return () => abort.abort();
  }, [service.authEpoch]);

  const name = latest ? nameOf(latest.outcome, messages) : "";
  useTitle(name && `${name} · ${refundRef.number}`);
  const running = phase.name === "starting" || phase.name === "open" || phase.name === "disconnected";
  return (
    <Result class="result" label={refundRef.number}>
      <LiveRegion text={[name, staticPhaseText(phase, messages)].filter((text) => text !== "").join(" ")} />
      <div class={`card quiet phase ${phase.name}`}>
        {running && <span class="spinner" aria-hidden="true" />}
        <PhaseText phase={phase} />
        {running
          ? <button type="button" onClick={stop}>{messages.watch.stop}</button>
          : <button type="button" onClick={onRestart}>{messages.watch.start}</button>}
      </div>
      {latest && <OutcomeCard {...latest} />}
      {entries.length > 0 && <Timeline entries={entries} />}
      <Commands call={{ method: "WatchRefund", request }} />
    </Result>
  );
}

interface WatchListener {
  readonly onPhase: (phase: Phase) => void;
  readonly onEntry: (entry: Omit<Entry, "key">) => void;
  readonly onOutcome: (latest: Latest) => void;
}

async function runWatch(service: Service, request: object, signal: AbortSignal, listener: WatchListener) {
  let disconnected = false;
  const onReconnect = (_error: unknown, waitMs: number) => {
    if (!disconnected) listener.onEntry({ at: new Date(), event: "disconnected" });
    disconnected = true;
    listener.onPhase({ name: "disconnected", reconnectAt: Date.now() + waitMs });
  };
  try {
    for await (const response of service.client.watchUntilFinal(request, { signal, onReconnect })) {
      if (disconnected) listener.onEntry({ at: new Date(), event: "reconnected" });
      disconnected = false;
      const received = outcomeIn(response);
      if (!received) continue;
      const outcome = service.finalStates.check(received);
      const receivedAt = Date.now();
      const { attempt, observeTime } = response;
      const at = observeTime ? timestampDate(observeTime) : new Date(receivedAt);
      listener.onOutcome({ outcome, receivedAt });
      listener.onEntry({ at, event: "attempt", attempt, outcome });
      listener.onPhase({ name: "open", at: receivedAt, attempt, minDelayMs: minDelayMs(outcome) });
    }
    listener.onPhase({ name: "ended" });
  } catch (error) {
    if (signal.aborted) return;
    const outcome = outcomeFrom(error);
    listener.onOutcome({ outcome, receivedAt: Date.now() });
    listener.onPhase({ name: "failed" });
    service.handleAuthError(outcome);
  }
}

/** Milliseconds before the next attempt at the earliest. */
function minDelayMs(outcome: Outcome): number {
  if (outcome.case !== "refund") return retryDelayMs(outcome) ?? 0;
  const { nextSyncDelay } = outcome.value;
  return nextSyncDelay ? durationMs(nextSyncDelay) : 0;
}

function PhaseText({ phase }: { phase: Phase }) {
  const messages = useMessages();
  const { watch } = messages;
  const { settings } = useService();
  const left = useLeft(dueAt(phase, settings));
  const time = durationText(left, messages.languageTag);
  switch (phase.name) {
    case "open":
      return <p class="countdown">{left > 0 ? watch.nextIn(time) : watch.nextNow}</p>;
    case "disconnected":
      return <p class="countdown">{left > 0 ? watch.reconnectingIn(time) : watch.reconnecting}</p>;
    default:
      return <p>{staticPhaseText(phase, messages)}</p>;
  }
}

/** When the phase's countdown ends, in epoch milliseconds. */
function dueAt(phase: Phase, settings: Settings | undefined): number | undefined {
  if (phase.name === "open") return phase.at + nextAttemptMs(phase.attempt, phase.minDelayMs, settings);
  return phase.name === "disconnected" ? phase.reconnectAt : undefined;
}

/** The phase without its countdown, which a screen reader would read out every second. */
function staticPhaseText(phase: Phase, { watch }: Messages): string {
  return phase.name === "open" ? "" : watch[phase.name];
}
