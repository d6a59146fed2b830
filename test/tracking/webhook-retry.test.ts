import { describe, expect, test } from "vitest";
import { MAX_ATTEMPTS, retryDelayMs } from "../../src/tracking/webhook-retry.ts";

describe("retryDelayMs()", () => {
  const schedule = (random: number) =>
    Array.from({ length: MAX_ATTEMPTS - 1 }, (_, index) => retryDelayMs(index + 1, random));

  test("doubles from 5 s up to 6 h", () => {
    expect(schedule(0).slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000]);
    expect(schedule(1)[0]).toBe(10_000);
    expect(schedule(0).at(-1)).toBe(6 * 3_600_000);
    expect(retryDelayMs(1_000_000, 1)).toBe(6 * 3_600_000);
  });

  test("takes about two days", () => {
    const days = [0, 0.5, 1].map((random) => schedule(random).reduce((sum, ms) => sum + ms, 0) / 86_400_000);
    expect(Math.min(...days)).toBeGreaterThan(1.6);
    expect(Math.max(...days)).toBeLessThan(2.2);
  });
});
