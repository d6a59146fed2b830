import { type Outcome, outcomeOf } from "./outcome.ts";
import { AbortedDuringSyncError } from "./single-flight.ts";
import type { RefundState } from "./state.ts";

/** The result of one batch item. */
export interface BatchResult {
  /** Position in the batch, from 0. */
  readonly index: number;
  readonly outcome: Outcome;
}

export interface BatchOptions<R> {
  /** Requests with the same key get one result. */
  readonly keyOf: (request: R) => string;
  readonly sync: (request: R) => Promise<RefundState>;
  /** Maximum number of requests in progress, or finished and not yet read. */
  readonly window: number;
  /** Aborts what is in progress. */
  readonly signal: AbortSignal;
}

/** Yields each result as it arrives. A reader that stops reading stops the batch. */
export async function* runBatch<R>(requests: readonly R[], options: BatchOptions<R>): AsyncGenerator<BatchResult> {
  const groups = grouped(requests, options.keyOf);
  const finished: { indexes: readonly number[]; outcome: Promise<RefundState> }[] = [];
  const inProgress = new Set<Promise<RefundState>>();
  let wake = () => {};

  for (let next = 0; next < groups.length || inProgress.size > 0 || finished.length > 0;) {
    for (; next < groups.length && inProgress.size + finished.length < options.window; next++) {
      const { request, indexes } = groups[next];
      const outcome = options.sync(request);
      inProgress.add(outcome);
      const finish = () => {
        inProgress.delete(outcome);
        finished.push({ indexes, outcome });
        wake();
      };
      outcome.then(finish, finish);
    }
    const result = finished.shift();
    if (!result) {
      await new Promise<void>((resolve) => (wake = resolve));
      continue;
    }
    const outcome = await outcomeOf(result.outcome).catch(async (error) => {
      const others = [...inProgress, ...finished.map(({ outcome }) => outcome)];
      throw options.signal.aborted ? await abortErrorOf(error, others) : error;
    });
    for (const index of result.indexes) yield { index, outcome };
  }
}

/** The error of a batch that was aborted: one item whose sync was sent makes it so for the batch. All end at the abort. */
async function abortErrorOf(error: unknown, others: readonly Promise<RefundState>[]): Promise<unknown> {
  const results = await Promise.allSettled(others);
  const reasons = results.map((result) => result.status === "rejected" ? result.reason : undefined);
  return [error, ...reasons].find((reason) => reason instanceof AbortedDuringSyncError) ?? error;
}

/** Each different request once, with all its positions. */
function grouped<R>(requests: readonly R[], keyOf: (request: R) => string) {
  const groups = new Map<string, { readonly request: R; readonly indexes: number[] }>();
  requests.forEach((request, index) => {
    const key = keyOf(request);
    const group = groups.get(key);
    if (group) group.indexes.push(index);
    else groups.set(key, { request, indexes: [index] });
  });
  return [...groups.values()];
}
