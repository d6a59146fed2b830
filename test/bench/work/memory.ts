import { answering, type Contender, launch, protocolsOf, type StartOptions } from "../contender.ts";
import { liveBytes } from "../inspector.ts";
import { openCallers } from "../load/caller.ts";
import { callTimes } from "../load/load.ts";

/** What a contender keeps in memory after so many calls. */
export interface Memory {
  readonly contender: Contender;
  readonly after: { readonly calls: number; readonly liveBytes: number; readonly rss: number }[];
}

export interface MemoryPlan {
  /** Numbers of calls after which memory is looked at, ascending. The others than the service stop at the first. */
  readonly calls: readonly number[];
}

const CALLERS = 64;

export async function measureMemory(
  contenders: readonly Contender[],
  { calls, ...options }: MemoryPlan & StartOptions,
): Promise<Memory[]> {
  const memories: Memory[] = [];
  for (const contender of contenders) {
    const own = contender === "service" ? calls : calls.slice(0, 1);
    memories.push(await fill(contender, { calls: own, ...options }));
  }
  return memories;
}

async function fill(contender: Contender, { calls, ...options }: MemoryPlan & StartOptions): Promise<Memory> {
  const started = launch(contender, { ...options, inspect: true });
  await answering(started);
  const callers = await openCallers(CALLERS, protocolsOf(contender).includes("gRPC") ? "gRPC" : "REST", started);
  try {
    const memory: Memory = { contender, after: [] };
    let made = 0;
    for (const total of [0, ...calls]) {
      await callTimes(total - made, CALLERS, callers);
      made = total;
      memory.after.push({ calls: total, liveBytes: await liveBytes(started), rss: started.process.rss() });
    }
    return memory;
  } finally {
    callers.close();
    await started.process.stop();
  }
}
