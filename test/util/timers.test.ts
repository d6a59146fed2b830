import { expect, test } from "vitest";
import { repeat, type Timers, within } from "../../src/util/timers.ts";

/** A timer that fires when it is told to. */
function createTimers() {
  const pending = new Set<() => void>();
  const timers: Timers = {
    after(_ms, work) {
      pending.add(work);
      return () => pending.delete(work);
    },
  };
  return { timers, pending };
}

test("within() settles as the work does, and leaves no timer", async () => {
  const { timers, pending } = createTimers();
  expect(await within(timers, 1, Promise.resolve(1))).toBe(1);
  await expect(within(timers, 1, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  expect(pending.size).toBe(0);
});

test("within() resolves to undefined where the time runs out first", async () => {
  const { timers, pending } = createTimers();
  const waiting = within(timers, 1, new Promise(() => {}));
  for (const fire of pending) fire();
  expect(await waiting).toBeUndefined();
});

test("repeat() waits anew when the work has ended, and not after it is disposed meanwhile", async () => {
  const { timers, pending } = createTimers();
  const fire = () => {
    const works = [...pending];
    pending.clear();
    for (const work of works) work();
  };
  const ends: (() => void)[] = [];
  const repeated = repeat(timers, 1, () => new Promise<void>((resolve) => ends.push(resolve)));
  fire();
  expect([ends.length, pending.size]).toEqual([1, 0]);
  ends[0]();
  await expect.poll(() => pending.size).toBe(1);
  fire();
  repeated[Symbol.dispose]();
  ends[1]();
  await new Promise((resolve) => setImmediate(resolve));
  expect([ends.length, pending.size]).toEqual([2, 0]);
});
