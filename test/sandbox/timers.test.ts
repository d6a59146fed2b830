import { afterEach, expect, test, vi } from "vitest";
import { createTimers } from "../../src/sandbox/timers.ts";

afterEach(() => void vi.useRealTimers());

test("end resolves every wait and leaves no timer, also for waits that begin later", async () => {
  vi.useFakeTimers();
  const timers = createTimers();
  const waits = [timers.wait(60_000), timers.wait(1)];
  expect(vi.getTimerCount()).toBe(2);
  timers.end();
  expect(vi.getTimerCount()).toBe(0);
  await Promise.all([...waits, timers.wait(60_000)]);
  expect(vi.getTimerCount()).toBe(0);
});
