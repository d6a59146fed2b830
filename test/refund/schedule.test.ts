import { expect, test } from "vitest";
import { nextDelay } from "../../src/refund/schedule.ts";

const waits = [10_000, 30_000, 60_000] as const;

test("the last wait repeats", () => {
  const plain = { waits: [...waits] as [number, ...number[]], jitter: 0, random: () => 0.5 };
  expect([1, 2, 3, 4, 100].map((attempt) => nextDelay(attempt, 0, plain))).toEqual([
    10_000,
    30_000,
    60_000,
    60_000,
    60_000,
  ]);
});

test("jitter spreads a wait both ways, but never below the least", () => {
  const at = (random: number, least = 0) =>
    nextDelay(1, least, { waits: [...waits] as [number, ...number[]], jitter: 0.2, random: () => random });
  expect([at(0), at(0.5), at(0.999999)]).toEqual([8_000, 10_000, 12_000]);
  expect(at(0, 10_000)).toBe(10_000);
});
