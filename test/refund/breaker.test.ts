import { describe, expect, test } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import { createBreaker } from "../../src/refund/breaker.ts";
import { createManualClock } from "../support/clock.ts";

const unreachable = () => new DaxPayFailure("UPSTREAM_UNREACHABLE", "x");
const HOUR_MS = 3_600_000;

function start() {
  const clock = createManualClock();
  const changes: string[] = [];
  const breaker = createBreaker(clock, (state) => changes.push(state));
  let requests = 0;
  /** Runs a request with this outcome and returns what its caller gets. */
  const run = async (outcome: unknown = "ok") => {
    try {
      return await breaker.run(() => {
        requests++;
        return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
      }, "QUERY");
    } catch (error) {
      return error;
    }
  };
  const fail = async (times: number, error: () => Error = unreachable) => {
    for (let time = 0; time < times; time++) await run(error());
  };
  return { clock, changes, breaker, run, fail, requests: () => requests };
}

describe("createBreaker() opens", () => {
  test.each([
    ["unreachable", unreachable],
    ["HTTP 500", () => new DaxPayFailure("UPSTREAM_ERROR", "x", { status: 500 })],
    ["HTTP 503", () => new DaxPayFailure("UPSTREAM_ERROR", "x", { status: 503 })],
  ])("after five consecutive failures: %s", async (_what, error) => {
    const { breaker, changes, fail } = start();
    await fail(4, error);
    expect(breaker.state()).toBe("closed");
    await fail(1, error);
    expect(breaker.state()).toBe("open");
    expect(changes).toEqual(["open"]);
  });

  test.each([
    ["a state", "ok"],
    ["a failure that DaxPay reported", new DaxPayFailure("CHANNEL_FAILED", "x")],
    [
      "a query that DaxPay answered with a failure",
      new DaxPayFailure("REFUND_NOT_FOUND", "x", { replied: true, delivery: "NOT_SENT", step: "QUERY" }),
    ],
  ])("not when one of them was %s", async (_what, outcome) => {
    const { breaker, run, fail } = start();
    await fail(4);
    await run(outcome);
    await fail(4);
    expect(breaker.state()).toBe("closed");
  });

  test.each([
    ["a timeout", new DaxPayFailure("UPSTREAM_TIMEOUT", "x")],
    ["a caller that left", new Error("gone")],
  ])("counting on after %s, which proves nothing", async (_what, error) => {
    const { breaker, run, fail } = start();
    await fail(4);
    await run(error);
    expect(breaker.state()).toBe("closed");
    await fail(1);
    expect(breaker.state()).toBe("open");
  });
});

describe("createBreaker() while open", () => {
  test("rejects with CIRCUIT_OPEN and the time until the next probe, without a request", async () => {
    const { clock, run, fail, requests } = start();
    await fail(5);
    const before = requests();
    expect(await run()).toMatchObject({
      reason: "CIRCUIT_OPEN",
      delivery: "NOT_SENT",
      step: "QUERY",
      retryDelayMs: 5_000,
      cause: { reason: "UPSTREAM_UNREACHABLE" },
    });
    await clock.advance(4_500);
    expect(await run()).toMatchObject({ reason: "CIRCUIT_OPEN", retryDelayMs: 1_000 });
    expect(requests()).toBe(before);
  });

  test("closes with a probe after 5 s that is answered, even with a failure", async () => {
    const { clock, breaker, run, fail, changes } = start();
    await fail(5);
    await clock.advance(5_000);
    await run(new DaxPayFailure("REFUND_NOT_FOUND", "x"));
    expect(breaker.state()).toBe("closed");
    expect(changes).toEqual(["open", "half-open", "closed"]);
    await fail(4);
    expect(breaker.state()).toBe("closed");
  });

  test("stays open for 5 s more after a probe that fails", async () => {
    const { clock, breaker, run, fail, requests } = start();
    await fail(5);
    await clock.advance(5_000);
    await fail(1);
    expect(breaker.state()).toBe("open");
    const before = requests();
    await clock.advance(4_999);
    expect(await run()).toMatchObject({ reason: "CIRCUIT_OPEN" });
    expect(requests()).toBe(before);
    await clock.advance(1);
    expect(await run()).toBe("ok");
  });

  test("sends one probe at a time", async () => {
    const { clock, breaker, run, fail } = start();
    await fail(5);
    await clock.advance(5_000);
    const { promise, resolve } = Promise.withResolvers<string>();
    const probe = breaker.run(() => promise, "SYNC");
    expect(breaker.state()).toBe("half-open");
    expect(await run()).toMatchObject({ reason: "CIRCUIT_OPEN" });
    resolve("ok");
    await probe;
    expect(await run()).toBe("ok");
  });

  test("sends the next call as a probe when the last one's caller left", async () => {
    const { clock, breaker, run, fail } = start();
    await fail(5);
    await clock.advance(5_000);
    await run(new Error("gone"));
    expect(breaker.state()).toBe("open");
    expect(await run()).toBe("ok");
    expect(breaker.state()).toBe("closed");
  });

  test.each([-HOUR_MS, HOUR_MS])(
    "measures the 5 s by the monotonic clock when the wall clock is set by %d ms",
    async (byMs) => {
      const { clock, run, fail } = start();
      await fail(5);
      clock.setWallClock(byMs);
      expect(await run()).toMatchObject({ reason: "CIRCUIT_OPEN", retryDelayMs: 5_000 });
      await clock.advance(4_999);
      expect(await run()).toMatchObject({ reason: "CIRCUIT_OPEN" });
      await clock.advance(1);
      expect(await run()).toBe("ok");
    },
  );
});

test("createBreaker() ignores requests from before it opened that end later", async () => {
  const { breaker, clock, run, fail } = start();
  const { promise, reject } = Promise.withResolvers<string>();
  const slow = breaker.run(() => promise, "SYNC").catch((error) => error);
  await fail(5);
  await clock.advance(4_000);
  reject(unreachable());
  await slow;
  await clock.advance(1_000);
  expect(await run()).toBe("ok");
});
