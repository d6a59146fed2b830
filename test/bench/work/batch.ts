import { type Contender, fastestProtocolOf, nextRefundNo, type Running } from "../contender.ts";
import { openCallers, openStreams } from "../load/callers.ts";
import { makeCalls } from "../load/load.ts";

/** Syncing a list of refunds. */
export interface BatchResult {
  readonly contender: Contender;
  readonly method: "batch" | "unary";
  /** Milliseconds until the last result, by round. */
  readonly ms: number[];
}

export interface BatchPlan {
  readonly rounds: number;
  readonly size: number;
}

/** Concurrent callers where unary calls replace a batch. */
export const UNARY_CALLERS = 64;

/** Compares the service's batch with unary calls to it and to the other contenders. */
export async function measureBatch(
  contenders: readonly Running[],
  { rounds, size }: BatchPlan,
): Promise<BatchResult[]> {
  const cases = contenders.flatMap((running) =>
    (running.contender === "service" ? ["batch", "unary"] as const : ["unary"] as const).map((method) => ({
      running,
      result: { contender: running.contender, method, ms: [] } as BatchResult,
    }))
  );
  for (let round = 0; round < rounds; round++) {
    for (const { running, result } of cases) {
      result.ms.push(await (result.method === "batch" ? timeBatch(running, size) : timeUnary(running, size)));
    }
  }
  return cases.map(({ result }) => result);
}

async function timeBatch(running: Running, size: number): Promise<number> {
  const streams = await openStreams(1, running);
  try {
    const startedAt = performance.now();
    const stream = streams.batch(Array.from({ length: size }, () => nextRefundNo()));
    await stream.ended;
    if (stream.messages !== size) throw new Error(`expected ${size} succeeded refunds, got ${stream.messages}`);
    return performance.now() - startedAt;
  } finally {
    streams.close();
  }
}

async function timeUnary(running: Running, size: number): Promise<number> {
  const callers = await openCallers(UNARY_CALLERS, fastestProtocolOf(running.contender), running);
  try {
    const startedAt = performance.now();
    await makeCalls(size, UNARY_CALLERS, callers);
    return performance.now() - startedAt;
  } finally {
    callers.close();
  }
}
