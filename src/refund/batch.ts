import { type Outcome, outcomeOf } from "./outcome.ts";
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
}

/** Yields each result as it arrives. A reader that stops reading stops the batch. */
export async function* runBatch<R>(requests: readonly R[], options: BatchOptions<R>): AsyncGenerator<BatchResult> {
  const groups = grouped(requests, options.keyOf);
  const finished: { indexes: readonly number[]; outcome: Promise<RefundState> }[] = [];
  let inProgress = 0;
  let wake = () => {};

  for (let next = 0; next < groups.length || inProgress > 0 || finished.length > 0;) {
    for (; next < groups.length && inProgress + finished.length < options.window; next++) {
      const { request, indexes } = groups[next];
      const outcome = options.sync(request);
      inProgress++;
      const finish = () => {
        inProgress--;
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
    const outcome = await outcomeOf(result.outcome);
    for (const index of result.indexes) yield { index, outcome };
  }
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
