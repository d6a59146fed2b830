import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRateLimiter, type Priority } from "../../src/refund/rate-limiter.ts";
import type { Booked, Booking, SharedBudget } from "../../src/refund/shared-budget.ts";
import { createManualClock, type ManualClock, settle } from "../support/clock.ts";

const never = new AbortController().signal;
const background: Priority = { background: () => true, onPromoted: () => {} };
const nothing: Booked = { callers: 0, background: 0, callersInMs: 0, backgroundInMs: 0, pausedMs: 0 };
const sum = (requests: readonly number[]) => requests.reduce((total, count) => total + count, 0);

interface Call {
  readonly booking: Booking;
  readonly holder: string;
  answer(booked?: Partial<Booked>): Promise<void>;
  fail(): Promise<void>;
}

/** A limiter whose budget answers as the test says; without a word, it grants everything after 1 ms. */
function start({ rate = 50, concurrency = 64, replicas = 2, manual = false } = {}) {
  const clock = createManualClock();
  const calls: Call[] = [];
  const budget: SharedBudget = {
    book(holder, booking) {
      const { promise, resolve, reject } = Promise.withResolvers<Booked>();
      const all = () => ({ ...nothing, callers: sum(booking.callers), background: sum(booking.background) });
      calls.push({
        booking,
        holder,
        answer: (booked) => (resolve(booked ? { ...nothing, ...booked } : all()), settle()),
        fail: () => (reject(new Error("away")), settle()),
      });
      if (!manual) clock.after(1, () => resolve(all()));
      return promise;
    },
    replicas: () => replicas,
  };
  const limiter = createRateLimiter({ rate, concurrency }, clock, budget);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  /** Queues a job of two requests, which sends one at once and runs until `ends` is called. */
  const run = (name: string, { priority, signal = never }: { priority?: Priority; signal?: AbortSignal } = {}) =>
    limiter.run(name, signal, 2, (permit) => {
      started.push(name);
      permit.use();
      return new Promise<void>((resolve) => ends.push(resolve));
    }, priority);
  return { clock, limiter, calls, started, ends, run };
}

describe("createRateLimiter() with a budget", () => {
  test("starts a job when its requests are booked, and books all that waits together", async () => {
    const { calls, started, run } = start({ manual: true });
    for (const name of ["a", "b", "c"]) run(name);
    expect(calls).toHaveLength(1);
    expect(calls[0].booking).toMatchObject({
      held: 0,
      callers: [2],
      background: [],
      limit: { capacity: 50, backgroundCapacity: 44, windowMs: 1_050 },
    });
    expect(started).toEqual([]);
    await calls[0].answer();
    expect(started).toEqual(["a"]);
    expect(calls[1].booking).toMatchObject({ held: 1, callers: [2, 2] });
    await calls[1].answer();
    expect(started).toEqual(["a", "b", "c"]);
    expect(calls[1].holder).toBe(calls[0].holder);
  });

  test("asks again when it is told to, and reports when each request was sent", async () => {
    const { calls, clock, started, run } = start({ manual: true });
    run("a");
    await calls[0].answer();
    await clock.advance(30);
    run("b");
    await calls[1].answer({ callersInMs: 40 });
    await clock.advance(39);
    expect(calls).toHaveLength(2);
    await clock.advance(1);
    expect(calls.map(({ booking }) => booking.sentAgoMs)).toEqual([[], [30], []]);
    expect(calls.map(({ booking }) => booking.sinceLastMs)).toEqual([undefined, 30, 40]);
    await calls[2].answer();
    expect(started).toEqual(["a", "b"]);
    // Nothing waits, but others should know.
    await clock.advance(500);
    expect(calls[3].booking).toMatchObject({ held: 2, sentAgoMs: [500], callers: [] });
  });

  test("books no background job while one of a caller waits", async () => {
    const { calls, started, run } = start({ manual: true });
    run("b1", { priority: background });
    run("b2", { priority: background });
    run("caller");
    // Booked before the caller came; the caller takes it.
    await calls[0].answer();
    expect(started).toEqual(["caller"]);
    await calls[1].answer({ background: 0, backgroundInMs: 10 });
    expect(calls[1].booking).toMatchObject({ callers: [], background: [2, 2] });
    run("caller 2");
    await calls[2].answer({ callersInMs: 10 });
    // Only what is granted to it starts it, and not what another job returns.
    expect(calls[2].booking).toMatchObject({ callers: [2], background: [] });
    expect(started).toEqual(["caller"]);
  });

  test("starts no background job with what another job has not sent", async () => {
    const { calls, clock, started, ends, run } = start({ manual: true });
    for (const name of ["a", "b"]) run(name);
    await calls[0].answer();
    await calls[1].answer();
    run("background", { priority: background });
    await calls[2].answer({ backgroundInMs: 30 });
    for (const end of ends) end();
    await settle();
    expect(started).toEqual(["a", "b"]);
    run("caller");
    expect(calls).toHaveLength(3);
    await settle();
    expect(started).toEqual(["a", "b", "caller"]);
    await clock.advance(30);
    expect(calls[3].booking).toMatchObject({ held: 1, background: [2] });
  });

  test("gives back what it has booked for a job that left", async () => {
    const { calls, clock, started, run } = start({ manual: true });
    const gone = new AbortController();
    const left = run("a", { signal: gone.signal });
    gone.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    await calls[0].answer();
    await clock.advance(50);
    expect(started).toEqual([]);
    expect(calls[1].booking).toMatchObject({ held: 0, callers: [] });
  });

  test("gives back what a job has not sent, and says how much of it was for the background", async () => {
    const { calls, clock, ends, run } = start();
    run("a");
    run("b", { priority: background });
    await clock.advance(2);
    for (const end of ends) end();
    await clock.advance(50);
    expect(calls.at(-1)?.booking).toMatchObject({ held: 0, sentAgoMs: [50], unusedBackground: 1 });
  });

  test("books what a running job needs before what is queued", async () => {
    const { calls, clock, limiter, run } = start({ manual: true });
    let reserved = false;
    void limiter.run("running", never, 1, async (permit) => {
      permit.use();
      await new Promise<void>((resolve) => clock.after(10, resolve));
      await permit.reserve(1);
      reserved = true;
      permit.use();
    });
    await calls[0].answer();
    await clock.advance(5);
    run("queued");
    await clock.advance(5);
    await calls[1].answer({ callersInMs: 5 });
    await clock.advance(5);
    expect(calls[2].booking.callers).toEqual([1, 2]);
    await calls[2].answer({ callers: 1 });
    expect(reserved).toBe(true);
  });

  test("confirms what a job holds for long", async () => {
    const { calls, clock, run } = start();
    run("a");
    await clock.advance(20_000);
    // The request, and then every 8 s.
    expect(calls.map(({ booking }) => booking.held)).toEqual([0, 1, 1, 1]);
  });

  test("pause() pauses all replicas, and theirs pause this one", async () => {
    const { calls, clock, limiter, started, run } = start({ manual: true });
    limiter.pause(3_000);
    run("a");
    expect(calls[0].booking).toMatchObject({ pauseMs: 3_000, callers: [] });
    await calls[0].answer({ pausedMs: 5_000 });
    await clock.advance(4_999);
    expect(calls).toHaveLength(1);
    await clock.advance(1);
    expect(calls[1].booking).toMatchObject({ pauseMs: 0, callers: [2] });
    await calls[1].answer();
    expect(started).toEqual(["a"]);
  });

  test("close() tells what is held, and leaves no timer", async () => {
    const { calls, clock, limiter, ends, run } = start();
    run("a");
    await clock.advance(1);
    ends[0]();
    await settle();
    limiter.close();
    expect(calls.at(-1)?.booking).toMatchObject({ held: 0, sentAgoMs: [0] });
    await clock.advance(1);
    expect(clock.pendingTimers()).toBe(0);
  });
});

test("createRateLimiter().close() leaves no timer while a booking has no answer", async () => {
  const { calls, clock, limiter, run } = start({ manual: true });
  run("a");
  limiter.close();
  expect(clock.pendingTimers()).toBe(0);
  // What was granted in the meantime is given back.
  await calls[0].answer();
  expect(calls[1].booking).toMatchObject({ held: 0, callers: [] });
  expect(clock.pendingTimers()).toBe(0);
});

describe("createRateLimiter() with a budget that does not answer", () => {
  test("goes on with this replica's share of the rate a second later, and asks again every second", async () => {
    const { calls, clock, started, ends, run } = start({ rate: 8, replicas: 2, manual: true });
    for (let index = 0; index < 4; index++) run(String(index));
    for (let retry = 0; retry < 10; retry++) {
      await calls[retry].fail();
      await clock.advance(99);
      expect(calls).toHaveLength(retry + 1);
      expect(started).toEqual([]);
      await clock.advance(1);
    }
    expect(started).toEqual(["0", "1"]);
    await calls[10].fail();
    for (const end of ends) end();
    await clock.advance(999);
    expect(calls).toHaveLength(11);
    await clock.advance(1);
    // What was sent in the meantime counts; jobs do not wait for the answer.
    expect(calls[11].booking).toMatchObject({ held: 1, sentAgoMs: [1_000, 1_000, 1_000], callers: [] });
    expect(started).toEqual(["0", "1", "2"]);
    await clock.advance(50);
    expect(started).toEqual(["0", "1", "2", "3"]);
  });

  test("books again when it answers, and keeps to its share for another two seconds", async () => {
    const { calls, clock, started, run } = start({ rate: 8, replicas: 2, manual: true });
    for (let index = 0; index < 4; index++) run(String(index));
    await clock.advance(1_000);
    await calls[0].fail();
    expect(started).toEqual(["0", "1"]);
    await clock.advance(1_000);
    await calls[1].answer();
    await clock.advance(50);
    // Each of the first two still holds one of the four.
    expect(calls[2].booking).toMatchObject({ held: 2, callers: [2] });
    await calls[2].answer();
    expect(started).toEqual(["0", "1", "2"]);
    for (let step = 0; step < 19; step++) {
      await clock.advance(100);
      await calls.at(-1)?.answer();
    }
    await clock.advance(49);
    expect(calls.slice(3).every(({ booking }) => booking.callers.length === 0)).toBe(true);
    await clock.advance(1);
    expect(calls.at(-1)?.booking).toMatchObject({ held: 3, callers: [2] });
    await calls.at(-1)?.answer();
    expect(started).toEqual(["0", "1", "2", "3"]);
  });

  test("retries a booking whose answer was an error, before jobs go on without", async () => {
    const { calls, clock, started, run } = start({ manual: true });
    run("a");
    await calls[0].fail();
    await clock.advance(100);
    expect(started).toEqual([]);
    await calls[1].answer();
    expect(started).toEqual(["a"]);
    // No timer ends the next wait.
    await clock.advance(500);
    run("b");
    await clock.advance(999);
    expect(started).toEqual(["a"]);
    await clock.advance(1);
    expect(started).toEqual(["a", "b"]);
  });

  test("waits for a second, and never again until it answers", async () => {
    const { calls, clock, started, run } = start({ manual: true });
    run("a");
    await clock.advance(999);
    expect(started).toEqual([]);
    await clock.advance(1);
    expect(started).toEqual(["a"]);
    run("b");
    await clock.advance(5_000);
    run("c");
    await settle();
    expect(started).toEqual(["a", "b", "c"]);
    // One at a time, so that what is held is one number.
    expect(calls).toHaveLength(1);
    // It came too late: its grants are not used, and the next answer decides.
    await calls[0].answer();
    run("late");
    await settle();
    expect(started).toEqual(["a", "b", "c", "late"]);
    await clock.advance(1_000);
    expect(calls).toHaveLength(2);
    expect(calls[1].booking).toMatchObject({ held: 4, callers: [] });
    await calls[1].answer();
    run("d");
    expect(calls[2].booking).toMatchObject({ callers: [2] });
  });

  test("sends at least two requests together, over a longer window", async () => {
    const { calls, clock, started, ends, run } = start({ rate: 2, replicas: 4, manual: true });
    run("a");
    run("b");
    await clock.advance(1_000);
    await calls[0].fail();
    expect(started).toEqual(["a"]);
    ends[0]();
    await clock.advance(4_199);
    expect(started).toEqual(["a"]);
    await clock.advance(1);
    expect(started).toEqual(["a", "b"]);
  });

  test("repeats a pause that did not arrive", async () => {
    const { calls, clock, limiter } = start({ manual: true });
    limiter.pause(5_000);
    await calls[0].fail();
    await clock.advance(100);
    expect(calls[1].booking.pauseMs).toBe(4_900);
  });
});

interface RandomJob {
  readonly atMs: number;
  readonly replica: number;
  readonly requests: number;
  /** How long the reply to each of its requests takes. */
  readonly repliesMs: readonly number[];
  readonly leaveMs: number | undefined;
  readonly background: boolean;
}

interface RandomLoad {
  readonly rate: number;
  readonly concurrency: number;
  readonly jobs: readonly RandomJob[];
  /** Milliseconds until the budget answers, one after another. */
  readonly latenciesMs: readonly number[];
  /** When the budget does not answer. */
  readonly away: { readonly atMs: number; readonly ms: number; readonly hangs: boolean } | undefined;
}

const randomLoad: fc.Arbitrary<RandomLoad> = fc.record({
  rate: fc.integer({ min: 1, max: 8 }),
  concurrency: fc.integer({ min: 1, max: 12 }),
  jobs: fc.array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 2_000 }),
      replica: fc.integer({ min: 0, max: 1 }),
      requests: fc.integer({ min: 1, max: 2 }),
      repliesMs: fc.array(fc.constantFrom(0, 1, 100, 250, 1_700, 12_000), { minLength: 1, maxLength: 4 }),
      leaveMs: fc.option(fc.integer({ min: 0, max: 6_000 }), { nil: undefined, freq: 3 }),
      background: fc.boolean(),
    }),
    { minLength: 10, maxLength: 60 },
  ),
  latenciesMs: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1 }),
  away: fc.option(
    fc.record({
      atMs: fc.integer({ min: 0, max: 8_000 }),
      ms: fc.integer({ min: 1, max: 9_000 }),
      hangs: fc.boolean(),
    }),
    { nil: undefined },
  ),
});

/** The budget as the database has it, but exact and in memory. */
function createMemoryBudget(clock: ManualClock, { latenciesMs, away }: RandomLoad): SharedBudget {
  const held = new Map<string, number>();
  let sentAt: number[] = [];
  let calls = 0;
  const elapse = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));

  function bookNow(holder: string, booking: Booking): Booked {
    const now = clock.elapsed();
    const { limit: { capacity, backgroundCapacity, windowMs } } = booking;
    sentAt = [...sentAt, ...booking.sentAgoMs.map((ms) => now - ms)].filter((time) => time + windowMs > now);
    held.set(holder, booking.held);
    let used = sentAt.length + sum([...held.values()]);
    const grant = (jobs: readonly number[], limit: number) => {
      let granted = 0;
      for (const requests of jobs) {
        if (used + requests > limit) return { granted, inMs: 20 };
        used += requests;
        granted += requests;
      }
      return { granted, inMs: 0 };
    };
    const callers = grant(booking.callers, capacity);
    const background = grant(callers.inMs > 0 ? [] : booking.background, backgroundCapacity);
    held.set(holder, booking.held + callers.granted + background.granted);
    return {
      ...nothing,
      callers: callers.granted,
      background: background.granted,
      callersInMs: callers.inMs,
      backgroundInMs: Math.max(callers.inMs, background.inMs),
    };
  }

  return {
    async book(holder, booking) {
      const latencyMs = latenciesMs[calls++ % latenciesMs.length];
      // Half of the time to the database, half of it back.
      await elapse(latencyMs / 2);
      const untilMs = away ? away.atMs + away.ms - clock.elapsed() : 0;
      if (away && clock.elapsed() >= away.atMs && untilMs > 0) {
        if (away.hangs) await elapse(Math.min(untilMs, 6_000));
        throw new Error("away");
      }
      const booked = bookNow(holder, booking);
      await elapse(latencyMs / 2);
      return booked;
    },
    replicas: () => 2,
  };
}

test(
  "createRateLimiter() with a budget keeps the rate over two replicas under random load, and everything ends",
  async () => {
    await fc.assert(
      fc.asyncProperty(randomLoad, async (load) => {
        const clock = createManualClock();
        const budget = createMemoryBudget(clock, load);
        const { rate, concurrency } = load;
        const limiters = [0, 1].map(() => createRateLimiter({ rate, concurrency }, clock, budget));
        const sentAt: number[] = [];
        let unfinished = load.jobs.length;
        const errors: unknown[] = [];
        const elapse = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
        for (const { atMs, replica, requests, repliesMs, leaveMs, ...job } of load.jobs) {
          void (async () => {
            await elapse(atMs);
            const leave = new AbortController();
            if (leaveMs !== undefined) clock.after(leaveMs, () => leave.abort("left"));
            await limiters[replica].run("a", leave.signal, requests, async (permit) => {
              for (const replyMs of repliesMs) {
                await permit.reserve(1);
                permit.use();
                sentAt.push(clock.elapsed());
                await elapse(replyMs);
              }
            }, job.background ? background : undefined).catch((error) => error !== "left" && errors.push(error));
            unfinished--;
          })();
        }
        // Far more than everything takes one after another, even at a rate of 1.
        await clock.advance(400_000);
        expect({ unfinished, errors, timers: clock.pendingTimers() }).toEqual({ unfinished: 0, errors: [], timers: 0 });
        const capacity = Math.max(rate, 2);
        const shareCapacity = Math.max(Math.floor(rate / 2), 2);
        // A replica that sent nothing while the budget was away does not know that the other one goes on with its share.
        const most = load.away ? capacity + shareCapacity : capacity;
        sentAt.forEach((time, index) => {
          const next = sentAt[index + most];
          if (next !== undefined) expect(next - time).toBeGreaterThanOrEqual((capacity / rate) * 1_000 - 1e-6);
        });
      }),
      { numRuns: 60 },
    );
  },
  120_000,
);
