import { nextRefund, protocolsOf, type Started } from "../contender.ts";
import { openCallers, openStreams } from "../load/caller.ts";
import { callTimes } from "../load/load.ts";

/** Learning the states of many refunds that are known beforehand. */
export interface Batch {
  readonly contender: Started["contender"];
  readonly way: "batch" | "unary";
  /** Milliseconds until the last was learned. */
  readonly ms: number[];
}

export interface BatchPlan {
  readonly rounds: number;
  readonly size: number;
}

/** Callers of those that have no batch. */
export const BATCH_CALLERS = 64;

/** The service's batch beside unary calls, its own and those of the others. */
export async function measureBatch(contenders: readonly Started[], { rounds, size }: BatchPlan): Promise<Batch[]> {
  const lines = contenders.flatMap((started) =>
    (started.contender === "service" ? ["batch", "unary"] as const : ["unary"] as const).map((way) => ({
      started,
      batch: { contender: started.contender, way, ms: [] } as Batch,
    }))
  );
  for (let round = 0; round < rounds; round++) {
    for (const { started, batch } of lines) {
      batch.ms.push(await (batch.way === "batch" ? streamed(started, size) : called(started, size)));
    }
  }
  return lines.map(({ batch }) => batch);
}

async function streamed(started: Started, size: number): Promise<number> {
  const streams = await openStreams(1, started);
  try {
    const begunAt = performance.now();
    const stream = streams.batch(Array.from({ length: size }, () => nextRefund()));
    await stream.ended;
    if (stream.messages !== size) throw new Error(`Found ${stream.messages} states, wanted ${size}`);
    return performance.now() - begunAt;
  } finally {
    streams.close();
  }
}

async function called(started: Started, size: number): Promise<number> {
  const protocol = protocolsOf(started.contender).includes("gRPC") ? "gRPC" : "REST";
  const callers = await openCallers(BATCH_CALLERS, protocol, started);
  try {
    const begunAt = performance.now();
    await callTimes(size, BATCH_CALLERS, callers);
    return performance.now() - begunAt;
  } finally {
    callers.close();
  }
}
