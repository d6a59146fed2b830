import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundState } from "./state.ts";

/** What came of one refund of a batch. */
export interface BatchResult {
  /** Position in the batch, from 0. */
  readonly index: number;
  readonly outcome: RefundState | DaxPayFailure;
}

export interface BatchOptions<Q> {
  /** Questions of one key get one answer. */
  readonly keyOf: (query: Q) => string;
  readonly sync: (query: Q) => Promise<RefundState>;
  /** How many questions are under way, or answered and not yet read, at the most. */
  readonly window: number;
}

/** Yields each result as it arrives. A reader that stops reading stops the batch. */
export async function* runBatch<Q>(queries: readonly Q[], options: BatchOptions<Q>): AsyncGenerator<BatchResult> {
  const questions = grouped(queries, options.keyOf);
  const answered: { indexes: readonly number[]; outcome: Promise<RefundState> }[] = [];
  let underWay = 0;
  let wake = () => {};

  for (let next = 0; next < questions.length || underWay > 0 || answered.length > 0;) {
    for (; next < questions.length && underWay + answered.length < options.window; next++) {
      const { query, indexes } = questions[next];
      const outcome = options.sync(query);
      underWay++;
      const finish = () => {
        underWay--;
        answered.push({ indexes, outcome });
        wake();
      };
      outcome.then(finish, finish);
    }
    const answer = answered.shift();
    if (!answer) {
      await new Promise<void>((resolve) => (wake = resolve));
      continue;
    }
    const outcome = await settle(answer.outcome);
    for (const index of answer.indexes) yield { index, outcome };
  }
}

async function settle(outcome: Promise<RefundState>): Promise<RefundState | DaxPayFailure> {
  try {
    return await outcome;
  } catch (error) {
    if (error instanceof DaxPayFailure) return error;
    throw error;
  }
}

/** Each different question once, with all its positions. */
function grouped<Q>(queries: readonly Q[], keyOf: (query: Q) => string) {
  const groups = new Map<string, { readonly query: Q; readonly indexes: number[] }>();
  queries.forEach((query, index) => {
    const key = keyOf(query);
    const group = groups.get(key);
    if (group) group.indexes.push(index);
    else groups.set(key, { query, indexes: [index] });
  });
  return [...groups.values()];
}
