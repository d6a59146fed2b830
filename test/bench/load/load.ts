import { nextRefund, type Started } from "../contender.ts";
import { quantile } from "../stat.ts";
import { type Callers, openCallers, type Protocol } from "./caller.ts";

/** What a contender did under load. */
export interface Load {
  readonly callsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the contender for one call, in microseconds. */
  readonly cpuUs: number;
  /** How much of one core it used. */
  readonly cores: number;
}

export interface LoadOptions {
  readonly protocol: Protocol;
  readonly callers: number;
  readonly ms: number;
}

/** Every caller makes one call after the other, each of another refund. */
export async function load(started: Started, { protocol, callers: count, ms }: LoadOptions): Promise<Load> {
  const callers = await openCallers(count, protocol, started);
  try {
    const times: number[] = [];
    const cpuBefore = started.process.cpuMs();
    const begunAt = performance.now();
    const end = begunAt + ms;
    await Promise.all(Array.from({ length: count }, async (_, caller) => {
      for (let at = performance.now(); at < end;) {
        if (await callers.sync(caller, nextRefund()) === "locked") {
          throw new Error("Found a refund that nobody asked for locked");
        }
        const now = performance.now();
        times.push(now - at);
        at = now;
      }
    }));
    const elapsed = performance.now() - begunAt;
    const cpu = started.process.cpuMs() - cpuBefore;
    return {
      callsPerSecond: times.length / elapsed * 1000,
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
      cpuUs: cpu * 1000 / times.length,
      cores: cpu / elapsed,
    };
  } finally {
    callers.close();
  }
}

/** So many calls from the given callers, each of another refund. */
export async function callTimes(total: number, count: number, callers: Callers): Promise<void> {
  let left = total;
  await Promise.all(Array.from({ length: count }, async (_, caller) => {
    while (left-- > 0) await callers.sync(caller, nextRefund());
  }));
}
