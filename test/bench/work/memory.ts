import { type Contender, fastestProtocolOf, launch, type LaunchOptions, untilReady } from "../contender.ts";
import { liveBytes } from "../inspector.ts";
import { openCallers } from "../load/callers.ts";
import { makeCalls } from "../load/load.ts";

/** A contender's memory use after a number of calls. */
export interface MemoryResult {
  readonly contender: Contender;
  readonly samples: { readonly calls: number; readonly liveBytes: number; readonly rss: number }[];
}

export interface MemoryPlan {
  /** Numbers of calls after which memory is measured, ascending. Contenders other than the service stop at the first. */
  readonly calls: readonly number[];
}

const CALLERS = 64;

export async function measureMemory(
  contenders: readonly Contender[],
  { calls, ...options }: MemoryPlan & LaunchOptions,
): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  for (const contender of contenders) {
    const ownCalls = contender === "service" ? calls : calls.slice(0, 1);
    results.push(await measureContender(contender, { calls: ownCalls, ...options }));
  }
  return results;
}

async function measureContender(
  contender: Contender,
  { calls, ...options }: MemoryPlan & LaunchOptions,
): Promise<MemoryResult> {
  const running = launch(contender, { ...options, inspect: true });
  await untilReady(running);
  const callers = await openCallers(CALLERS, fastestProtocolOf(contender), running);
  try {
    const result: MemoryResult = { contender, samples: [] };
    let made = 0;
    for (const total of [0, ...calls]) {
      await makeCalls(total - made, CALLERS, callers);
      made = total;
      result.samples.push({ calls: total, liveBytes: await liveBytes(running), rss: running.process.rss() });
    }
    return result;
  } finally {
    callers.close();
    await running.process.stop();
  }
}
