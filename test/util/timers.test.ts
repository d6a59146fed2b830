import { expect, test } from "vitest";
import { type Timers, within } from "../../src/util/timers.ts";

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
