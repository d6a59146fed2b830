import { expect, test } from "vitest";
import { createRateLimiter } from "../../src/refund/rate-limiter.ts";
import { createManualClock, settle } from "../support/clock.ts";

const never = new AbortController().signal;

function start(rate = 100_000, concurrency = 2) {
  const clock = createManualClock();
  const budget = createRateLimiter({ rate, concurrency }, clock);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (caller: string, name = caller, signal = never) =>
    budget.run(caller, signal, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  return { clock, budget, started, ends, ask };
}

test("no more at a time than allowed, and turns go round between callers", async () => {
  const { started, ends, ask, budget } = start();
  for (let index = 0; index < 5; index++) ask("batch", `batch ${index}`);
  ask("unary");
  ask("other");
  await settle();
  expect(started).toEqual(["batch 0", "batch 1"]);
  expect(budget.queueSize()).toBe(5);
  for (let turn = 0; turn < 7; turn++) {
    ends.shift()?.();
    await settle();
  }
  expect(started.slice(2)).toEqual(["batch 2", "unary", "other", "batch 3", "batch 4"]);
  expect(budget.queueSize()).toBe(0);
});

test("one that leaves the line is never asked", async () => {
  const { started, ends, ask, budget } = start(100_000, 1);
  const gone = new AbortController();
  ask("a");
  const left = ask("b", "b", gone.signal);
  ask("c");
  await settle();
  gone.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  expect(budget.queueSize()).toBe(1);
  ends.shift()?.();
  await settle();
  expect(started).toEqual(["a", "c"]);
});

test("a pause holds up the line, a longer one longer", async () => {
  const { clock, started, ask, budget } = start();
  budget.pause(1000);
  budget.pause(3000);
  budget.pause(500);
  ask("a");
  await clock.advance(2999);
  expect(started).toEqual([]);
  await clock.advance(1);
  expect(started).toEqual(["a"]);
});

test("the failure of one whose time ended in line says how long the line is", async () => {
  const { ask, budget, clock } = start(2, 1);
  for (let index = 0; index < 9; index++) ask("a").catch(() => {});
  await settle();
  expect(budget.overloadedError()).toMatchObject({ reason: "RATE_LIMITED", delivery: "NOT_SENT", retryAfterMs: 4000 });
  budget.pause(60_000);
  expect(budget.overloadedError().retryDelayMs).toBe(60_000);
  budget.close();
  await settle();
  expect(clock.pendingTimers()).toBe(0);
});

test("at most the rate starts within a second", async () => {
  const budget = createRateLimiter({ rate: 5, concurrency: 100 }, createManualClock());
  let started = 0;
  for (let index = 0; index < 20; index++) budget.run("a", never, () => Promise.resolve(started++)).catch(() => {});
  await settle();
  expect(started).toBe(5);
  expect(budget.queueSize()).toBe(15);
  budget.close();
});
