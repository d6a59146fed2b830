import { answering, launch, nextRefund, type StartOptions } from "../contender.ts";
import { liveBytes } from "../inspector.ts";
import { openCallers, openStreams, type Stream } from "../load/caller.ts";
import { callTimes } from "../load/load.ts";

/** Open watches, each of another refund, that wait for their next attempt. */
export interface Watchers {
  readonly count: number;
  /** What each adds: live JavaScript with its buffers, and memory in RAM. */
  readonly liveBytesEach: number;
  readonly rssEach: number;
  /** Part of one core that all of them together use while nothing happens. */
  readonly idleCores: number;
}

export interface WatchPlan {
  readonly counts: readonly number[];
  readonly idleMs: number;
}

/** Watches that are being opened at the same time. */
const OPENING = 500;
/** Milliseconds that the collector and the timers may need to come to rest. */
const SETTLE_MS = 1_000;

export async function measureWatchers({ counts, idleMs, ...options }: WatchPlan & StartOptions): Promise<Watchers[]> {
  const service = launch("service", { ...options, inspect: true });
  await answering(service);
  const streams = await openStreams(Math.max(...counts), service);
  try {
    // What the first calls compile and cache is not the watchers'.
    const callers = await openCallers(16, "gRPC", service);
    await callTimes(500, 16, callers);
    callers.close();
    const open: Stream[] = [streams.watch(nextRefund("WAIT1"))];
    await settled(open);
    const before = { live: await liveBytes(service), rss: service.process.rss() };

    const found: Watchers[] = [];
    for (const count of counts) {
      while (open.length < count) {
        const part = Array.from({ length: Math.min(OPENING, count - open.length) }, () => {
          return streams.watch(nextRefund("WAIT1"));
        });
        await settled(part);
        open.push(...part);
      }
      const after = { live: await liveBytes(service), rss: service.process.rss() };
      await pause(SETTLE_MS);
      const cpuBefore = service.process.cpuMs();
      await pause(idleMs);
      found.push({
        count,
        liveBytesEach: (after.live - before.live) / (count - 1),
        rssEach: (after.rss - before.rss) / (count - 1),
        idleCores: (service.process.cpuMs() - cpuBefore) / idleMs,
      });
    }
    return found;
  } finally {
    streams.close();
    await service.process.stop();
  }
}

/** Resolves when each has told that its refund is in progress. */
async function settled(streams: readonly Stream[]): Promise<void> {
  for (const deadline = performance.now() + 60_000; streams.some(({ messages }) => messages === 0);) {
    if (performance.now() > deadline) throw new Error("Found watches without an attempt after 60 s");
    await Promise.race([pause(20), ...streams.map(({ ended }) => ended.then(() => ended))]);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
