import { describe, expect, test } from "vitest";
import { createDoubts } from "../../src/refund/doubt.ts";
import { createManualClock } from "../support/clock.ts";

function start(timeoutMs = 60_000) {
  const clock = createManualClock();
  const doubts = createDoubts(clock);
  const add = (key: string, refundNo: string, sentAt: number) => doubts.add(key, refundNo, sentAt + timeoutMs);
  return { clock, doubts: { ...doubts, add } };
}

describe("createDoubts()", () => {
  test("ends a doubt the timeout after the sync was sent", async () => {
    const { clock, doubts } = start();
    await clock.advance(20_000);
    doubts.add("refundNo R1", "R1", 5_000);
    expect(doubts.remainingMs("refundNo R1")).toBe(45_000);
    expect(doubts.size()).toBe(1);
    await clock.advance(44_999);
    expect(doubts.remainingMs("refundNo R1")).toBe(1);
    await clock.advance(1);
    expect(doubts.remainingMs("refundNo R1")).toBe(0);
    expect(doubts.size()).toBe(0);
  });

  test("has no doubt about other keys", () => {
    const { doubts } = start();
    doubts.add("refundNo R1", "R1", 0);
    expect(doubts.remainingMs("refundNo R2")).toBe(0);
  });

  test("settles a doubt by its own refund", () => {
    const { doubts } = start();
    doubts.add("refundNo R1", "R1", 0);
    expect(doubts.settle("refundNo R1", "R1")).toBe(true);
    expect(doubts.remainingMs("refundNo R1")).toBe(0);
    expect(doubts.settle("refundNo R1", "R1")).toBe(false);
  });

  test("does not settle the doubt about another refund of the same order", () => {
    const { doubts } = start();
    doubts.add("orderNo P1", "R1", 0);
    expect(doubts.settle("orderNo P1", "R2")).toBe(false);
    expect(doubts.remainingMs("orderNo P1")).toBe(60_000);
  });

  test("is not changed by the wall clock", async () => {
    const { clock, doubts } = start();
    doubts.add("refundNo R1", "R1", 0);
    clock.setWallClock(3_600_000);
    expect(doubts.remainingMs("refundNo R1")).toBe(60_000);
    clock.setWallClock(-7_200_000);
    await clock.advance(60_000);
    expect(doubts.remainingMs("refundNo R1")).toBe(0);
  });

  test("begins anew with the next sync that is not answered", async () => {
    const { clock, doubts } = start();
    doubts.add("refundNo R1", "R1", 0);
    await clock.advance(30_000);
    doubts.add("refundNo R2", "R2", 30_000);
    doubts.add("refundNo R1", "R1", 30_000);
    expect(doubts.remainingMs("refundNo R1")).toBe(60_000);
    await clock.advance(59_999);
    expect(doubts.size()).toBe(2);
    await clock.advance(1);
    expect(doubts.size()).toBe(0);
  });
});
