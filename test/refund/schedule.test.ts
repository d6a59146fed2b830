import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextDelay, type ScheduleOptions } from "../../src/refund/schedule.ts";

const schedule = (changes: Partial<ScheduleOptions> = {}): ScheduleOptions => ({
  waits: [10_000, 30_000, 60_000],
  jitter: 0,
  random: () => 0.5,
  ...changes,
});

describe("nextDelay()", () => {
  test.each([[1, 10_000], [2, 30_000], [3, 60_000], [4, 60_000], [100, 60_000]])(
    "after attempt %d is %d ms: the last wait repeats",
    (attempt, expected) => {
      expect(nextDelay(attempt, 0, schedule())).toBe(expected);
    },
  );

  test.each([[0, 8_000], [0.5, 10_000], [0.999999, 12_000]])(
    "spreads a wait of 10 s by a jitter of 0.2 at random %d to %d ms",
    (random, expected) => {
      expect(nextDelay(1, 0, schedule({ jitter: 0.2, random: () => random }))).toBe(expected);
    },
  );

  test("is never below the minimum, whatever the jitter", () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(100_000), unit, unit, (attempt, minMs, jitter, random) => {
        expect(nextDelay(attempt, minMs, schedule({ jitter, random: () => random }))).toBeGreaterThanOrEqual(minMs);
      }),
    );
  });
});
