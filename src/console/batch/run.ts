import { useEffect, useRef, useState } from "preact/hooks";
import type { BatchSyncRefundsResponse } from "../../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { isRefused, type Outcome, outcomeFrom } from "../outcome.ts";
import { type Named, queryOf } from "../route.ts";
import type { Service } from "../service.ts";
import { FIRST_LOOK, type Look } from "./sift.ts";

/** One refund of a batch. */
export interface Row {
  /** Position in the list, from 0. */
  readonly index: number;
  readonly named: Named;
  /** Missing while unanswered. */
  readonly outcome: Outcome | undefined;
}

/** A batch under way or done. */
export interface Batch {
  readonly rows: readonly Row[];
  readonly phase: "none" | "running" | "finished" | "stopped" | "failed";
  /** Why the batch as a whole broke off. */
  readonly failure: { readonly outcome: Exclude<Outcome, { case: "refund" }>; readonly at: number } | undefined;
  readonly look: Look;
  lookAt(look: Look): void;
  start(all: readonly Named[]): void;
  /** Asks once more for what gave no state. */
  retry(): void;
  stop(): void;
  clear(): void;
}

/** What one call may name, by the contract. */
const MOST = 1000;
/** Milliseconds between two looks of the page at what has arrived: a thousand results are not a thousand renderings. */
const RENDER_MS = 200;

/** Keeps a batch for as long as the page lives, whichever view is shown. */
export function useBatch(service: Service): Batch {
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [phase, setPhase] = useState<Batch["phase"]>("none");
  const [failure, setFailure] = useState<Batch["failure"]>();
  const [look, setLook] = useState(FIRST_LOOK);
  const abort = useRef<AbortController>(undefined);

  async function run(before: readonly Row[]) {
    abort.current?.abort();
    const { signal } = abort.current = new AbortController();
    const current = before.map((row) => isAnswered(row) ? row : { ...row, outcome: undefined });
    const show = () => setRows([...current]);
    show();
    setFailure(undefined);
    setPhase("running");
    const timer = setInterval(show, RENDER_MS);
    try {
      for (const part of parts(current.filter((row) => !row.outcome))) {
        const queries = part.map((row) => queryOf(row.named));
        for await (const response of service.client.batchSyncRefunds(queries, { signal })) {
          const row = part[response.index];
          const outcome = outcomeOf(response);
          if (row && outcome) current[row.index] = { ...row, outcome };
        }
      }
      setPhase("finished");
    } catch (error) {
      if (signal.aborted) return;
      const outcome = outcomeFrom(error);
      if (outcome.case !== "refund") setFailure({ outcome, at: Date.now() });
      setPhase("failed");
      service.check(outcome);
    } finally {
      clearInterval(timer);
      if (abort.current?.signal === signal) show();
    }
  }

  // A token given after a refusal takes the batch up again.
  useEffect(() => {
    if (failure && isRefused(failure.outcome)) run(rows);
  }, [service.admission]);

  return {
    rows,
    phase,
    failure,
    look,
    lookAt: setLook,
    start(all) {
      setLook(FIRST_LOOK);
      run(all.map((named, index) => ({ index, named, outcome: undefined })));
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

/** Whether DaxPay told the refund's state. */
export function isAnswered({ outcome }: Row): boolean {
  return outcome?.case === "refund";
}

function* parts(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += MOST) yield rows.slice(at, at + MOST);
}

function outcomeOf({ outcome }: BatchSyncRefundsResponse): Outcome | undefined {
  return outcome.case === undefined ? undefined : outcome;
}
