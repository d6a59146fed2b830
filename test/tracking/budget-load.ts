import type { Priority, RateLimiter } from "../../src/refund/rate-limiter.ts";

interface Load {
  /** Makes background work saturate the rate for the given milliseconds, beside a few calls of callers. */
  run(ms: number): Promise<{ readonly sentAt: readonly number[]; readonly waits: readonly number[] }>;
  /** Requests of the last milliseconds. */
  sentSince(ms: number): number;
}

const never = new AbortController().signal;
const background: Priority = { background: () => true, onPromoted: () => {} };
const random = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * ms));

/** Jobs as the syncer has them, on limiters that share a budget. Times are by performance.now. */
export function createLoad(limiters: readonly RateLimiter[]): Load {
  const sentAt: number[] = [];
  /** Milliseconds that callers' jobs waited. */
  const waits: number[] = [];

  /** Sends a query, mostly a sync after it, and sometimes another query. */
  async function job(limiter: RateLimiter, flow: string, priority?: Priority): Promise<void> {
    const queuedAt = performance.now();
    await limiter.run(flow, never, 2, async (permit) => {
      if (!priority) waits.push(performance.now() - queuedAt);
      for (let sent = 0; sent === 0 || (sent < 3 && Math.random() < 0.7); sent++) {
        await permit.reserve(1);
        permit.use();
        sentAt.push(performance.now());
        await random(200);
      }
    }, priority);
  }

  async function runLimiter(limiter: RateLimiter, end: number): Promise<void> {
    for (let flow = 0; flow < 64; flow++) {
      // Those that are queued at the end stay so.
      void (async () => {
        while (performance.now() < end) await job(limiter, `background ${flow}`, background);
      })();
    }
    const callers: Promise<void>[] = [];
    while (performance.now() < end) {
      await random(700);
      callers.push(job(limiter, "caller"));
    }
    await Promise.all(callers);
    limiter.close();
  }

  return {
    async run(ms) {
      const end = performance.now() + ms;
      await Promise.all(limiters.map((limiter) => runLimiter(limiter, end)));
      return { sentAt, waits };
    },
    sentSince: (ms) => sentAt.filter((time) => time > performance.now() - ms).length,
  };
}

/** The most that fall into any window of the given length. */
export function most(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return Math.max(...sorted.map((start) => sorted.filter((time) => time >= start && time < start + windowMs).length));
}
