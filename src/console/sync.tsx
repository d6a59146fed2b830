import { useEffect, useState } from "preact/hooks";
import { Commands } from "./commands.tsx";
import { durationText } from "./duration.ts";
import { useMessages } from "./i18n/locale.ts";
import { LiveRegion } from "./live-region.tsx";
import { nameOf, type Outcome, outcomeFrom } from "./outcome.ts";
import { OutcomeCard } from "./outcome-card.tsx";
import { Result } from "./result.tsx";
import { type RefundRef, requestFrom } from "./route.ts";
import { useService } from "./service.ts";
import { useSince } from "./time.tsx";
import { useTitle } from "./title.ts";

interface SyncViewProps {
  readonly refundRef: RefundRef;
  readonly clientIp: string;
  readonly onRetry: () => void;
  readonly onWatch: () => void;
}

/** Times are epoch milliseconds. */
type Phase =
  | { readonly name: "running"; readonly since: number; readonly cancel: () => void }
  | { readonly name: "canceled" }
  | { readonly name: "done"; readonly at: number; readonly outcome: Outcome };

/** Syncs one refund as soon as it is shown. */
export function SyncView({ refundRef, clientIp, onRetry, onWatch }: SyncViewProps) {
  const messages = useMessages();
  const { client, finalStates, handleAuthError, authEpoch } = useService();
  const [phase, setPhase] = useState<Phase>();
  const request = requestFrom(refundRef, clientIp);

  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const finish = (outcome: Outcome) => {
      if (signal.aborted) return;
      setPhase({ name: "done", at: Date.now(), outcome: finalStates.check(outcome) });
      handleAuthError(outcome);
    };
    const cancel = () => {
      abort.abort();
      setPhase({ name: "canceled" });
    };
    setPhase({ name: "running", since: Date.now(), cancel });
    client.syncRefund(request, { signal }).then(
      (value) => finish({ case: "refund", value }),
      (error) => finish(outcomeFrom(error)),
    );
    return () => abort.abort();
  }, [authEpoch]);

  const name = phase?.name === "done" ? nameOf(phase.outcome, messages) : "";
  useTitle(name && `${name} · ${refundRef.number}`);
  return (
    <Result class="result" label={refundRef.number}>
      <LiveRegion text={name} />
      {phase?.name === "running" && <Running since={phase.since} onCancel={phase.cancel} />}
      {phase?.name === "canceled" && <p class="card quiet">{messages.sync.canceled}</p>}
      {phase?.name === "done" && <OutcomeCard outcome={phase.outcome} receivedAt={phase.at} onRetry={onRetry} />}
      {phase && phase.name !== "running" && (
        <p class="buttons">
          <button type="button" onClick={onRetry}>{messages.sync.again}</button>
          <button type="button" onClick={onWatch}>{messages.sync.watch}</button>
        </p>
      )}
      <Commands call={{ method: "SyncRefund", request }} />
    </Result>
  );
}

function Running({ since, onCancel }: { since: number; onCancel: () => void }) {
  const { languageTag, sync } = useMessages();
  const ms = useSince(since);
  return (
    <p class="card quiet">
      <span class="spinner" aria-hidden="true" />
      <span>{sync.running(ms < 1000 ? "" : durationText(ms, languageTag))}</span>
      <button type="button" onClick={onCancel}>{sync.cancel}</button>
    </p>
  );
}
