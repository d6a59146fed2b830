import { launch, type LaunchOptions, nextRefundNo, untilReady } from "../contender.ts";
import { liveBytes } from "../inspector.ts";
import { openCallers, openStreams, type Stream } from "../load/callers.ts";
import { makeCalls } from "../load/load.ts";

/** Open watches, each of another refund, that wait for their next attempt. */
export interface WatchesResult {
  readonly count: number;
  /** Bytes per watch: live objects with their buffers, and resident set size. */
  readonly liveBytesEach: number;
  readonly rssEach: number;
  /** CPU time per second of all of them together while they wait. */
  readonly idleCores: number;
}

export interface WatchesPlan {
  readonly counts: readonly number[];
  readonly idleMs: number;
}

/** Watches that are opened concurrently. */
const OPEN_CONCURRENCY = 500;
/** Milliseconds for garbage collection and timers to finish. */
const SETTLE_MS = 1_000;
const POLL_MS = 20;
const OPEN_TIMEOUT_MS = 60_000;

export async function measureWatches(
  { counts, idleMs, ...options }: WatchesPlan & LaunchOptions,
): Promise<WatchesResult[]> {
  const service = launch("service", { ...options, inspect: true });
  await untilReady(service);
  const streams = await openStreams(Math.max(...counts), service);
  try {
    // Excludes from the result what the first calls compile and cache.
    const callers = await openCallers(16, "gRPC", service);
    await makeCalls(500, 16, callers);
    callers.close();
    const open: Stream[] = [streams.watch(nextRefundNo("WAIT1"))];
    await firstAttempts(open);
    const before = { live: await liveBytes(service), rss: service.process.rss() };

    const results: WatchesResult[] = [];
    for (const count of counts) {
      while (open.length < count) {
        const opening = Array.from({ length: Math.min(OPEN_CONCURRENCY, count - open.length) }, () => {
          return streams.watch(nextRefundNo("WAIT1"));
        });
        await firstAttempts(opening);
        open.push(...opening);
      }
      const after = { live: await liveBytes(service), rss: service.process.rss() };
      await delay(SETTLE_MS);
      const cpuBefore = service.process.cpuMs();
      await delay(idleMs);
      results.push({
        count,
        liveBytesEach: (after.live - before.live) / (count - 1),
        rssEach: (after.rss - before.rss) / (count - 1),
        idleCores: (service.process.cpuMs() - cpuBefore) / idleMs,
      });
    }
    return results;
  } finally {
    streams.close();
    await service.process.stop();
  }
}

/** Resolves when every stream has received an attempt; rejects when one ends. */
async function firstAttempts(streams: readonly Stream[]): Promise<void> {
  for (const deadline = performance.now() + OPEN_TIMEOUT_MS; streams.some(({ messages }) => messages === 0);) {
    if (performance.now() > deadline) {
      throw new Error(`expected an attempt of every watch within ${OPEN_TIMEOUT_MS} ms, got watches without one`);
    }
    await Promise.race([delay(POLL_MS), ...streams.map(({ ended }) => ended)]);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
