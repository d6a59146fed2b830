import { nextRefundNo, type Running } from "../contender.ts";
import { quantile } from "../stat.ts";
import { type Callers, openCallers, type Protocol } from "./callers.ts";

/** A contender's throughput, latency and CPU use under load. */
export interface Load {
  readonly callsPerSecond: number;
  /** Latency in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the contender per call, in microseconds. */
  readonly cpuUs: number;
  /** CPU time of the contender per second of the measurement. */
  readonly cores: number;
}

export interface LoadOptions {
  readonly protocol: Protocol;
  readonly callers: number;
  readonly ms: number;
}

/** Every caller makes one call after the other, each of another refund. */
export async function load(running: Running, { protocol, callers: count, ms }: LoadOptions): Promise<Load> {
  const callers = await openCallers(count, protocol, running);
  try {
    const latencies: number[] = [];
    const cpuBefore = running.process.cpuMs();
    const startedAt = performance.now();
    const end = startedAt + ms;
    await Promise.all(Array.from({ length: count }, async (_, caller) => {
      for (let sentAt = performance.now(); sentAt < end;) {
        const refundNo = nextRefundNo();
        const outcome = await callers.sync(caller, refundNo);
        if (outcome !== "succeeded") throw new Error(`expected ${refundNo} to succeed, got ${outcome}`);
        const now = performance.now();
        latencies.push(now - sentAt);
        sentAt = now;
      }
    }));
    const elapsed = performance.now() - startedAt;
    const cpu = running.process.cpuMs() - cpuBefore;
    return {
      callsPerSecond: latencies.length / elapsed * 1000,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      cpuUs: cpu * 1000 / latencies.length,
      cores: cpu / elapsed,
    };
  } finally {
    callers.close();
  }
}

/** Distributes the calls over the callers, each call of another refund. */
export async function makeCalls(total: number, count: number, callers: Callers): Promise<void> {
  let left = total;
  await Promise.all(Array.from({ length: count }, async (_, caller) => {
    while (left-- > 0) await callers.sync(caller, nextRefundNo());
  }));
}
