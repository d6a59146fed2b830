import { useEffect, useState } from "preact/hooks";
import { Announcer } from "./announce.tsx";
import { Commands } from "./commands.tsx";
import { durationText } from "./duration.ts";
import { FailureCard } from "./failure.tsx";
import { nameOf, type Outcome, outcomeFrom } from "./outcome.ts";
import { RefundCard } from "./refund.tsx";
import { Result } from "./result.tsx";
import { type Named, queryOf } from "./route.ts";
import { useService } from "./service.ts";
import { useSince } from "./time.tsx";
import { useTitle } from "./title.ts";
import { useWords } from "./words/choose.ts";

interface SyncViewProps {
  readonly named: Named;
  readonly clientIp: string;
  readonly onAgain: () => void;
  readonly onWatch: () => void;
}

type Phase =
  | { readonly name: "asking"; readonly since: number; readonly cancel: () => void }
  | { readonly name: "canceled" }
  | { readonly name: "learned"; readonly at: number; readonly outcome: Outcome };

/** Syncs one refund as soon as it is shown. */
export function SyncView({ named, clientIp, onAgain, onWatch }: SyncViewProps) {
  const words = useWords();
  const { client, check, admission } = useService();
  const [phase, setPhase] = useState<Phase>();
  const request = { ...queryOf(named), ...(clientIp && { clientIp }) };

  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const learned = (outcome: Outcome) => {
      if (signal.aborted) return;
      setPhase({ name: "learned", at: Date.now(), outcome });
      check(outcome);
    };
    const cancel = () => {
      abort.abort();
      setPhase({ name: "canceled" });
    };
    setPhase({ name: "asking", since: Date.now(), cancel });
    client.syncRefund(request, { signal }).then(
      (value) => learned({ case: "refund", value }),
      (error) => learned(outcomeFrom(error)),
    );
    return () => abort.abort();
  }, [admission]);

  const name = phase?.name === "learned" ? nameOf(phase.outcome, words) : "";
  useTitle(name && `${name} · ${named.number}`);
  return (
    <Result class="result" label={named.number}>
      <Announcer text={name} />
      {phase?.name === "asking" && <Asking since={phase.since} onCancel={phase.cancel} />}
      {phase?.name === "canceled" && <p class="card quiet">{words.sync.canceled}</p>}
      {phase?.name === "learned" && phase.outcome.case === "refund" && (
        <RefundCard refund={phase.outcome.value} learnedAt={phase.at} />
      )}
      {phase?.name === "learned" && phase.outcome.case !== "refund" && (
        <FailureCard outcome={phase.outcome} learnedAt={phase.at} onRetry={onAgain} />
      )}
      {phase && phase.name !== "asking" && (
        <p class="buttons">
          <button type="button" onClick={onAgain}>{words.sync.again}</button>
          <button type="button" onClick={onWatch}>{words.sync.watch}</button>
        </p>
      )}
      <Commands call={{ method: "SyncRefund", request }} />
    </Result>
  );
}

function Asking({ since, onCancel }: { since: number; onCancel: () => void }) {
  const words = useWords();
  const ms = useSince(since);
  return (
    <p class="card quiet asking">
      <span class="spinner" aria-hidden="true" />
      <span>{words.sync.asking(ms < 1000 ? "" : durationText(ms, words.locale))}</span>
      <button type="button" onClick={onCancel}>{words.sync.cancel}</button>
    </p>
  );
}
