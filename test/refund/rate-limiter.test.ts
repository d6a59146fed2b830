import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRateLimiter, type Permit, type Priority, type RateLimiter } from "../../src/refund/rate-limiter.ts";
import { createManualClock, type ManualClock, settle } from "../support/clock.ts";

const never = new AbortController().signal;

interface RunOptions {
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly requests?: number;
  readonly priority?: Priority;
}

function start({ rate = 100_000, concurrency = 100 } = {}) {
  const clock = createManualClock();
  const limiter = createRateLimiter({ rate, concurrency }, clock);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  /** Queues a job that sends its requests at once and runs until `ends` is called. */
  const run = (flow: string, { name = flow, signal = never, requests = 1, priority }: RunOptions = {}) =>
    limiter.run(flow, signal, requests, (permit) => {
      started.push(name);
      for (let request = 0; request < requests; request++) permit.use();
      return new Promise<void>((resolve) => ends.push(resolve));
    }, priority);
  return { clock, limiter, started, ends, run };
}

describe("createRateLimiter().run()", () => {
  test("runs no more jobs at a time than allowed, in turns between flows", async () => {
    const { started, ends, run, limiter } = start({ concurrency: 2 });
    for (let index = 0; index < 5; index++) run("batch", { name: `batch ${index}` });
    run("unary");
    run("other");
    await settle();
    expect(started).toEqual(["batch 0", "batch 1"]);
    expect(limiter.queueSize()).toBe(5);
    for (let turn = 0; turn < 7; turn++) {
      ends.shift()?.();
      await settle();
    }
    expect(started.slice(2)).toEqual(["batch 2", "unary", "other", "batch 3", "batch 4"]);
    expect(limiter.queueSize()).toBe(0);
  });

  test("returns what the job returns, or throws what it throws", async () => {
    const { limiter } = start();
    await expect(limiter.run("a", never, 1, () => Promise.resolve(7))).resolves.toBe(7);
    await expect(limiter.run("a", never, 1, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  });

  test("rejects with the signal's reason when that aborts in the queue, and never starts the job", async () => {
    const { started, ends, run, limiter } = start({ concurrency: 1 });
    const gone = new AbortController();
    run("a");
    const left = run("b", { signal: gone.signal });
    run("c");
    await settle();
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect(limiter.queueSize()).toBe(1);
    ends.shift()?.();
    await settle();
    expect(started).toEqual(["a", "c"]);
  });

  test("rejects at once when the signal has aborted before", async () => {
    const { run, started, limiter } = start();
    await expect(run("a", { signal: AbortSignal.abort(new Error("gone")) })).rejects.toThrow("gone");
    expect(started).toEqual([]);
    expect(limiter.queueSize()).toBe(0);
  });

  test("starts at most the rate in a second, and the next as soon as the window allows", async () => {
    const { clock, started, run, limiter } = start({ rate: 5 });
    for (let index = 0; index < 20; index++) run("a");
    await settle();
    expect(started).toHaveLength(5);
    expect(limiter.queueSize()).toBe(15);
    await clock.advance(999);
    expect(started).toHaveLength(5);
    await clock.advance(1);
    expect(started).toHaveLength(10);
  });

  test("waits until the rate allows all of a job's requests together", async () => {
    const { clock, started, run } = start({ rate: 3 });
    run("a", { requests: 2 });
    run("b", { requests: 2 });
    run("c", { requests: 1 });
    await settle();
    expect(started).toEqual(["a"]);
    await clock.advance(1_000);
    expect(started).toEqual(["a", "b", "c"]);
  });

  test("starts two requests together every two seconds at a rate of 1", async () => {
    const { clock, started, run } = start({ rate: 1 });
    for (const flow of ["a", "b", "c"]) run(flow, { requests: 2 });
    await clock.advance(1_999);
    expect(started).toEqual(["a"]);
    await clock.advance(1);
    expect(started).toEqual(["a", "b"]);
    await clock.advance(2_000);
    expect(started).toEqual(["a", "b", "c"]);
  });

  test("starts a queued job when the rate allows, while those before it still run", async () => {
    const { clock, limiter, started, run } = start({ rate: 2 });
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    // Sends its query at once and its sync 10 ms later, whose reply takes long.
    const slow = limiter.run("slow", never, 2, async (permit) => {
      permit.use();
      await new Promise<void>((resolve) => clock.after(10, resolve));
      permit.use();
      await answered;
    });
    run("next", { requests: 2 });
    await clock.advance(1_009);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(["next"]);
    answer();
    await slow;
  });

  test("gives back what a job did not use", async () => {
    const { limiter, run, started } = start({ rate: 2 });
    await limiter.run("a", never, 2, () => Promise.resolve());
    run("b", { requests: 2 });
    await settle();
    expect(started).toEqual(["b"]);
  });

  test("leaves no timer when it is closed", async () => {
    const { clock, run, limiter } = start({ rate: 2 });
    for (let index = 0; index < 9; index++) void run("a");
    await settle();
    expect(clock.pendingTimers()).toBe(1);
    limiter.close();
    expect(clock.pendingTimers()).toBe(0);
    expect(limiter.queueSize()).toBe(0);
  });
});

/** As SharedCall is: what runs in the background until somebody waits for it. */
function inBackground() {
  const priority = { isBackground: true, background: () => priority.isBackground, onPromoted: () => {} };
  return priority;
}

describe("createRateLimiter().run() in the background", () => {
  test("starts a job when no caller's job waits, in turns between flows", async () => {
    const { started, ends, run } = start({ concurrency: 1 });
    run("first");
    for (const flow of ["b", "b", "c"]) run(flow, { priority: inBackground() });
    for (const flow of ["x", "x", "y"]) run(flow);
    for (let turn = 0; turn < 7; turn++) {
      ends.shift()?.();
      await settle();
    }
    expect(started).toEqual(["first", "x", "y", "x", "b", "c", "b"]);
  });

  test("fills 88 % of the window, and leaves the rest to callers", async () => {
    const { clock, started, run } = start({ rate: 50 });
    for (let index = 0; index < 60; index++) run("background", { priority: inBackground() });
    await settle();
    expect(started).toHaveLength(44);
    for (let index = 0; index < 7; index++) run("caller");
    await settle();
    expect(started.slice(44)).toEqual(Array(6).fill("caller"));
    await clock.advance(1_000);
    expect(started.slice(50, 52)).toEqual(["caller", "background"]);
  });

  test("starts a job of two requests at any rate", async () => {
    const { started, clock, run } = start({ rate: 1 });
    run("a", { requests: 2, priority: inBackground() });
    run("b", { requests: 2, priority: inBackground() });
    await clock.advance(2_000);
    expect(started).toEqual(["a", "b"]);
  });

  test("starts no job while one of a caller waits for more requests", async () => {
    const { clock, started, run } = start({ rate: 2 });
    run("first");
    run("caller", { requests: 2 });
    run("background", { priority: inBackground() });
    await settle();
    expect(started).toEqual(["first"]);
    await clock.advance(2_000);
    expect(started).toEqual(["first", "caller", "background"]);
  });

  test.each([[1, 1], [2, 1], [3, 2], [4, 3], [64, 48]])(
    "with %i places takes %i",
    async (concurrency, places) => {
      const { started, run } = start({ concurrency });
      for (let index = 0; index < 100; index++) run("background", { priority: inBackground() });
      await settle();
      expect(started).toHaveLength(places);
      for (let index = 0; index < 100; index++) run("caller");
      await settle();
      expect(started).toHaveLength(concurrency);
    },
  );

  test("starts a promoted job as a caller's, and removes it when its signal aborts", async () => {
    const { started, ends, run, limiter } = start({ concurrency: 1 });
    run("first");
    const gone = new AbortController();
    const [promoted, left] = [inBackground(), inBackground()];
    run("b1", { priority: inBackground() });
    run("b2", { priority: promoted });
    const rejected = run("b3", { priority: left, signal: gone.signal });
    await settle();
    expect([limiter.queueSize(), limiter.backgroundQueueSize()]).toEqual([3, 3]);
    for (const priority of [promoted, left]) {
      priority.isBackground = false;
      priority.onPromoted();
    }
    run("caller");
    await settle();
    expect([limiter.queueSize(), limiter.backgroundQueueSize()]).toEqual([4, 1]);
    gone.abort(new Error("gone"));
    await expect(rejected).rejects.toThrow("gone");
    for (let turn = 0; turn < 5; turn++) {
      left.onPromoted();
      promoted.onPromoted();
      ends.shift()?.();
      await settle();
    }
    expect(started).toEqual(["first", "b2", "caller", "b1"]);
  });

  test("does not count in the error of a caller whose time ran out", () => {
    const { run, limiter } = start({ rate: 2, concurrency: 1 });
    run("first");
    for (let index = 0; index < 20; index++) run("background", { priority: inBackground() });
    for (let index = 0; index < 4; index++) run("caller");
    expect(limiter.rateLimitedError()).toMatchObject({ retryDelayMs: 2_000 });
    expect(limiter.rateLimitedError(true)).toMatchObject({ retryDelayMs: 12_000 });
  });
});

describe("Permit", () => {
  test("use() throws without a reserved request", async () => {
    const { limiter } = start();
    const job = limiter.run("a", never, 1, (permit) => {
      permit.use();
      permit.use();
      return Promise.resolve();
    });
    await expect(job).rejects.toThrow(RangeError);
  });

  test("reserve() resolves at once for what is reserved, otherwise before all queued jobs", async () => {
    const { clock, limiter, run, started } = start({ rate: 2 });
    const events: string[] = [];
    const job = limiter.run("a", never, 2, async (permit) => {
      permit.use();
      await permit.reserve(1);
      permit.use();
      events.push("second");
      await permit.reserve(1);
      permit.use();
      events.push("third");
    });
    run("b");
    await settle();
    expect(events).toEqual(["second"]);
    expect(started).toEqual([]);
    await clock.advance(1_000);
    await job;
    expect(events).toEqual(["second", "third"]);
    expect(started).toEqual(["b"]);
  });

  test("reserve() waits for the end of a pause, also for what was reserved before", async () => {
    const { clock, limiter } = start();
    let resumedAt: number | undefined;
    const job = limiter.run("a", never, 2, async (permit) => {
      permit.use();
      limiter.pause(5_000);
      await permit.reserve(1);
      resumedAt = clock.elapsed();
      permit.use();
    });
    await clock.advance(5_000);
    await job;
    expect(resumedAt).toBe(5_000);
  });
});

describe("createRateLimiter().pause()", () => {
  test("starts nothing until the longest pause is over", async () => {
    const { clock, started, run, limiter } = start();
    for (const ms of [1_000, 3_000, 500]) limiter.pause(ms);
    run("a");
    await clock.advance(2_999);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(["a"]);
  });

  test("is measured by the monotonic clock", async () => {
    const { clock, started, run, limiter } = start();
    limiter.pause(1_000);
    clock.setWallClock(-3_600_000);
    run("a");
    await clock.advance(1_000);
    expect(started).toEqual(["a"]);
  });
});

test("createRateLimiter().rateLimitedError() says how long the queue or the pause takes", async () => {
  const { run, limiter } = start({ rate: 2, concurrency: 1 });
  expect(limiter.rateLimitedError()).toMatchObject({ reason: "RATE_LIMITED", retryDelayMs: 1_000 });
  for (let index = 0; index < 9; index++) void run("a");
  await settle();
  expect(limiter.rateLimitedError()).toMatchObject({
    reason: "RATE_LIMITED",
    delivery: "NOT_SENT",
    retryDelayMs: 4_000,
    message: "Rate limit reached: 8 requests queued at 2/s",
  });
  limiter.pause(60_000);
  expect(limiter.rateLimitedError()).toMatchObject({ retryDelayMs: 60_000 });
});

/** A job as the syncer has them: queued for some requests, sends one after another, reserves more, may be left. */
interface RandomJob {
  readonly atMs: number;
  readonly flow: string;
  readonly requests: number;
  /** How many are reserved before each further request, and how long its reply takes. */
  readonly sends: readonly { readonly reserve: number; readonly replyMs: number }[];
  readonly leaveMs: number | undefined;
  readonly background: boolean;
  /** When somebody waits for a background job. */
  readonly promoteMs: number;
}

interface RandomLoad {
  readonly rate: number;
  readonly concurrency: number;
  readonly jobs: readonly RandomJob[];
  readonly pauses: readonly { readonly atMs: number; readonly ms: number }[];
}

const load: fc.Arbitrary<RandomLoad> = fc.record({
  rate: fc.integer({ min: 1, max: 6 }),
  concurrency: fc.integer({ min: 1, max: 5 }),
  jobs: fc.array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 5_000 }),
      flow: fc.constantFrom("a", "b", "c"),
      requests: fc.integer({ min: 1, max: 2 }),
      sends: fc.array(
        fc.record({ reserve: fc.integer({ min: 1, max: 2 }), replyMs: fc.constantFrom(0, 1, 250, 1_700) }),
        { maxLength: 4 },
      ),
      leaveMs: fc.option(fc.integer({ min: 0, max: 6_000 }), { nil: undefined, freq: 3 }),
      background: fc.boolean(),
      promoteMs: fc.integer({ min: 0, max: 20_000 }),
    }),
    { minLength: 1, maxLength: 20 },
  ),
  pauses: fc.array(
    fc.record({ atMs: fc.integer({ min: 0, max: 8_000 }), ms: fc.constantFrom(1, 700, 3_000) }),
    { maxLength: 4 },
  ),
});

const elapse = (clock: ManualClock, ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

/** Runs the load to its end and returns what happened. */
async function runLoad({ rate, concurrency, jobs, pauses }: RandomLoad) {
  const clock = createManualClock();
  const limiter: RateLimiter = createRateLimiter({ rate, concurrency }, clock);
  const sentAt: number[] = [];
  let running = 0;
  let maxRunning = 0;
  let pausedUntil = 0;
  let sentInPause = 0;

  async function work({ sends }: RandomJob, permit: Permit): Promise<void> {
    maxRunning = Math.max(maxRunning, ++running);
    try {
      for (const { reserve, replyMs } of sends) {
        await permit.reserve(reserve);
        permit.use();
        sentAt.push(clock.elapsed());
        if (clock.elapsed() < pausedUntil) sentInPause++;
        await elapse(clock, replyMs);
      }
    } finally {
      running--;
    }
  }

  const outcomes = jobs.map(async (job) => {
    await elapse(clock, job.atMs);
    const leave = new AbortController();
    if (job.leaveMs !== undefined) clock.after(job.leaveMs, () => leave.abort("left"));
    const priority = job.background ? inBackground() : undefined;
    if (priority) {
      clock.after(job.promoteMs, () => {
        priority.isBackground = false;
        priority.onPromoted();
      });
    }
    try {
      await limiter.run(job.flow, leave.signal, job.requests, (permit) => work(job, permit), priority);
      return "ended";
    } catch (error) {
      return error;
    }
  });
  for (const { atMs, ms } of pauses) {
    clock.after(atMs, () => {
      limiter.pause(ms);
      pausedUntil = Math.max(pausedUntil, clock.elapsed() + ms);
    });
  }
  let unfinished = outcomes.length;
  const errors: unknown[] = [];
  for (const outcome of outcomes) {
    void outcome.then((ended) => {
      unfinished--;
      if (ended !== "ended" && ended !== "left") errors.push(ended);
    });
  }
  // Far more than everything takes one after another, even at a rate of 1.
  await clock.advance(400_000);
  const queueSize = limiter.queueSize();
  return { sentAt, maxRunning, sentInPause, unfinished, errors, queueSize, timers: clock.pendingTimers() };
}

test("createRateLimiter() keeps rate, concurrency and pauses under random load, and everything ends", async () => {
  await fc.assert(
    fc.asyncProperty(load, async (load) => {
      const { sentAt, maxRunning, ...rest } = await runLoad(load);
      expect(rest).toEqual({ sentInPause: 0, unfinished: 0, errors: [], queueSize: 0, timers: 0 });
      expect(maxRunning).toBeLessThanOrEqual(load.concurrency);
      // In no window, whenever it starts, more requests than the rate.
      const capacity = Math.max(load.rate, 2);
      const windowMs = (capacity / load.rate) * 1_000;
      sentAt.forEach((time, index) => {
        const next = sentAt[index + capacity];
        if (next !== undefined) expect(next - time).toBeGreaterThanOrEqual(windowMs - 1e-6);
      });
    }),
    { numRuns: 100 },
  );
}, 120_000);
