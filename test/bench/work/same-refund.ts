import { type Contender, jsonProtocolOf, nextRefundNo, type Running } from "../contender.ts";
import { openCallers } from "../load/callers.ts";
import { countRequests, type Upstream } from "../upstream.ts";

/** Many concurrent callers of one refund, by round. */
export interface SameRefundResult {
  readonly contender: Contender;
  /** Callers that received the state before the time limit. */
  readonly succeeded: number[];
  /** Milliseconds until the last of them did, or the time limit. */
  readonly ms: number[];
  /** Requests that DaxPay received. */
  readonly requests: number[];
}

export interface SameRefundPlan {
  readonly rounds: number;
  readonly callers: number;
  /** Milliseconds after which no caller retries. */
  readonly limitMs: number;
}

/** Milliseconds before a caller retries a locked refund. */
const RETRY_DELAY_MS = 100;

/** Calls with JSON over HTTP/1.1, which the façades offer alone. Callers retry while the refund is locked. */
export async function measureSameRefund(
  contenders: readonly Running[],
  plan: SameRefundPlan & { readonly upstream: Upstream },
): Promise<SameRefundResult[]> {
  const cases = contenders.map((running) => ({
    running,
    result: { contender: running.contender, succeeded: [], ms: [], requests: [] } as SameRefundResult,
  }));
  for (let round = 0; round < plan.rounds; round++) {
    for (const { running, result } of cases) await measureRound(running, result, plan);
  }
  return cases.map(({ result }) => result);
}

async function measureRound(
  running: Running,
  result: SameRefundResult,
  plan: SameRefundPlan & { readonly upstream: Upstream },
): Promise<void> {
  const callers = await openCallers(plan.callers, jsonProtocolOf(running.contender), running);
  const refundNo = nextRefundNo();
  const startedAt = performance.now();
  let succeeded = 0;
  let lastAt = startedAt;
  try {
    await Promise.all(Array.from({ length: plan.callers }, async (_, caller) => {
      while (performance.now() - startedAt < plan.limitMs) {
        if (await callers.sync(caller, refundNo) === "succeeded") {
          succeeded++;
          lastAt = performance.now();
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
      }
    }));
  } finally {
    callers.close();
  }
  result.succeeded.push(succeeded);
  result.ms.push((succeeded === plan.callers ? lastAt : performance.now()) - startedAt);
  result.requests.push(await countRequests(plan.upstream, refundNo));
}
