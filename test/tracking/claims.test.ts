import { describe, expect, test } from "vitest";
import { createClaimObserver } from "../../src/tracking/claims.ts";
import { createManualClock } from "../support/clock.ts";

const TIMES = { sendMs: 5_000, answerMs: 30_000, settleMs: 60_000 };

function start() {
  const clock = createManualClock();
  const observer = createClaimObserver(clock);
  return {
    clock,
    observe: (claim = "c1", in_doubt = false) => observer.observe({ id: 1, claim, in_doubt }, TIMES),
  };
}

describe("createClaimObserver().observe()", () => {
  test("takes a claim for live until its answer must be there, then for doubtful until the sync is over", async () => {
    const { clock, observe } = start();
    expect(observe()).toEqual({ kind: "live" });
    await clock.advance(29_999);
    expect(observe()).toEqual({ kind: "live" });
    await clock.advance(1);
    expect(observe()).toEqual({ kind: "doubt", ms: 35_000 });
    await clock.advance(34_999);
    expect(observe()).toEqual({ kind: "doubt", ms: 1 });
    await clock.advance(1);
    expect(observe()).toEqual({ kind: "over" });
  });

  test("counts a doubt from when it is seen: it was sent before", async () => {
    const { clock, observe } = start();
    observe();
    await clock.advance(2_000);
    expect(observe("c1", true)).toEqual({ kind: "doubt", ms: 60_000 });
    await clock.advance(59_999);
    expect(observe("c1", true)).toEqual({ kind: "doubt", ms: 1 });
    await clock.advance(1);
    expect(observe("c1", true)).toEqual({ kind: "over" });
  });

  test("counts a doubt that is seen late from when the sync must have been sent", async () => {
    const { clock, observe } = start();
    observe();
    await clock.advance(20_000);
    expect(observe("c1", true)).toEqual({ kind: "doubt", ms: 45_000 });
  });

  test("takes no doubt back", async () => {
    const { clock, observe } = start();
    observe("c1", true);
    await clock.advance(1_000);
    expect(observe("c1", false)).toEqual({ kind: "doubt", ms: 59_000 });
  });

  test("takes a claim that is seen first for as old as that, by no other clock", async () => {
    const { clock, observe } = start();
    observe("c1");
    await clock.advance(70_000);
    clock.setWallClock(3_600_000);
    expect(observe("c1")).toEqual({ kind: "over" });
    expect(observe("c2")).toEqual({ kind: "live" });
    clock.setWallClock(-7_200_000);
    expect(observe("c2")).toEqual({ kind: "live" });
  });

  test("forgets the oldest of more than 100 000 claims, and counts it anew", async () => {
    const { clock, observe } = start();
    observe("c0");
    await clock.advance(60_000);
    for (let claim = 1; claim < 100_000; claim++) observe(`c${claim}`);
    expect(observe("c0")).toMatchObject({ kind: "doubt" });
    observe("c100000");
    expect(observe("c0")).toEqual({ kind: "live" });
  });
});
