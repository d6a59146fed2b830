import { expect, test } from "vitest";
import { soak } from "./soak.ts";

test("under mixed load with DaxPay failing in every way, every call is answered and typed", async () => {
  const report = await soak({ seconds: 12, print: () => {} });
  expect(report.untyped).toEqual([]);
  expect(report.unanswered).toBe(0);
  expect(report.complaints).toEqual([]);
  expect(report.exitCode).toBe(0);
  expect(report.outcomes.ok).toBeGreaterThan(50);
  expect(report.memory.at(-1)).toBeLessThan(600);
}, 120_000);
