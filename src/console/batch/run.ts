import { useEffect, useRef, useState } from "preact/hooks";
import { type FailedOutcome, isUnauthenticated, outcomeFrom, outcomeIn } from "../outcome.ts";
import { type RefundRef, requestFrom } from "../route.ts";
import type { Service } from "../service.ts";
import { DEFAULT_VIEW, type TableView } from "./filter.ts";
import { hasState, type Row } from "./row.ts";

/** A batch that is running or done. */
export interface Batch {
  readonly rows: readonly Row[];
  readonly phase: "none" | "running" | "finished" | "stopped" | "failed";
  /** Why the batch as a whole failed, and when, in epoch milliseconds. */
  readonly failure: { readonly outcome: FailedOutcome; readonly receivedAt: number } | undefined;
  readonly view: TableView;
  setView(view: TableView): void;
  start(refunds: readonly RefundRef[]): void;
  /** Retries the rows without a state. */
  retry(): void;
  stop(): void;
  clear(): void;
}

/** Maximum number of refunds per request, by the contract. */
const MAX_BATCH_SIZE = 1000;
/** Milliseconds between two renderings: a thousand results must not cause a thousand renderings. */
const RENDER_MS = 200;

/** Keeps a batch for as long as the page is open, whichever view is shown. */
export function useBatch(service: Service): Batch {
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [phase, setPhase] = useState<Batch["phase"]>("none");
  const [failure, setFailure] = useState<Batch["failure"]>();
  const [view, setView] = useState(DEFAULT_VIEW);
  const abort = useRef<AbortController>(undefined);

  async function run(before: readonly Row[]) {
    abort.current?.abort();
    const { signal } = abort.current = new AbortController();
    const current = before.map((row) => hasState(row) ? row : { ...row, outcome: undefined });
    const show = () => setRows([...current]);
    show();
    setFailure(undefined);
    setPhase("running");
    const timer = setInterval(show, RENDER_MS);
    try {
      for (const chunk of chunks(current.filter((row) => !row.outcome))) {
        const requests = chunk.map((row) => requestFrom(row.refundRef));
        for await (const response of service.client.batchSyncRefunds(requests, { signal })) {
          const row = chunk[response.index];
          const outcome = outcomeIn(response);
          if (row && outcome) current[row.index] = { ...row, outcome: service.finalStates.check(outcome) };
        }
      }
      setPhase("finished");
    } catch (error) {
      if (signal.aborted) return;
      const outcome = outcomeFrom(error);
      setFailure({ outcome, receivedAt: Date.now() });
      setPhase("failed");
      service.handleAuthError(outcome);
    } finally {
      clearInterval(timer);
      if (abort.current?.signal === signal) show();
    }
  }

  // Signing in resumes a batch that was rejected.
  useEffect(() => {
    if (failure && isUnauthenticated(failure.outcome)) run(rows);
  }, [service.authEpoch]);

  return {
    rows,
    phase,
    failure,
    view,
    setView,
    start(refunds) {
      setView(DEFAULT_VIEW);
      run(refunds.map((refundRef, index) => ({ index, refundRef, outcome: undefined })));
    },
    retry: () => void run(rows),
    stop() {
      abort.current?.abort();
      setPhase("stopped");
    },
    clear() {
      abort.current?.abort();
      abort.current = undefined;
      setRows([]);
      setFailure(undefined);
      setPhase("none");
    },
  };
}

function* chunks(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += MAX_BATCH_SIZE) yield rows.slice(at, at + MAX_BATCH_SIZE);
}
