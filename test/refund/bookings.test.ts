import { describe, expect, test } from "vitest";
import { createRateLimiter, type Priority } from "../../src/refund/rate-limiter.ts";
import type { Booked, Booking, SharedBudget } from "../../src/refund/shared-budget.ts";
import { createManualClock, settle } from "../support/clock.ts";

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

describe("createRateLimiter() with a budget that does not answer", () => {
  test("goes on with this replica's share of the rate at once, and asks again a second later", async () => {
    const { calls, clock, started, run } = start({ rate: 8, replicas: 2, manual: true });
    for (let index = 0; index < 4; index++) run(String(index));
    await calls[0].fail();
    expect(started).toEqual(["0", "1"]);
    await clock.advance(999);
    expect(calls).toHaveLength(1);
    await clock.advance(1);
    // What was sent in the meantime counts; jobs do not wait for the answer.
    expect(calls[1].booking).toMatchObject({ held: 3, sentAgoMs: [1_000, 1_000, 0], callers: [] });
    expect(started).toEqual(["0", "1", "2"]);
    await calls[1].answer();
    expect(calls[2].booking).toMatchObject({ held: 3, callers: [2] });
    await calls[2].answer();
    expect(started).toEqual(["0", "1", "2", "3"]);
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
    // It came too late, so its grants are not used.
    await calls[0].answer();
    await clock.advance(1_000);
    expect(calls[1].booking).toMatchObject({ held: 3, callers: [] });
    await calls[1].answer();
    run("d");
    expect(calls[2].booking).toMatchObject({ callers: [2] });
  });

  test("sends at least two requests together, over a longer window", async () => {
    const { calls, clock, started, ends, run } = start({ rate: 2, replicas: 4, manual: true });
    run("a");
    run("b");
    await calls[0].fail();
    expect(started).toEqual(["a"]);
    ends[0]();
    await clock.advance(3_999);
    expect(started).toEqual(["a"]);
    await clock.advance(1);
    expect(started).toEqual(["a", "b"]);
  });

  test("repeats a pause that did not arrive", async () => {
    const { calls, clock, limiter } = start({ manual: true });
    limiter.pause(5_000);
    await calls[0].fail();
    await clock.advance(1_000);
    expect(calls[1].booking.pauseMs).toBe(4_000);
  });
});
