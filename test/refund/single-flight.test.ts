import { describe, expect, test } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import { createSingleFlight, type SharedCall } from "../../src/refund/single-flight.ts";
import { createManualClock, settle } from "../support/clock.ts";

interface Run {
  readonly call: SharedCall;
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

function start() {
  const clock = createManualClock();
  const runs: Run[] = [];
  let coalesced = 0;
  const flights = createSingleFlight<string>(clock, () => coalesced++);
  /** Joins or starts the run of the key, which ends when the test says so. */
  const join = (key: string, timeoutMs = 1000, signal = new AbortController().signal, background?: boolean) =>
    flights.do(key, { signal, timeoutMs }, (call) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      runs.push({ call, resolve, reject });
      return promise;
    }, background);
  return { clock, runs, flights, join, coalesced: () => coalesced };
}

describe("createSingleFlight().do()", () => {
  test("shares one run between the callers of a key", async () => {
    const { runs, join, flights, coalesced, clock } = start();
    const results = [join("a"), join("a"), join("b"), join("a")];
    await settle();
    expect(runs).toHaveLength(2);
    expect(coalesced()).toBe(2);
    expect(flights.size()).toBe(2);
    runs[0].resolve("A");
    runs[1].resolve("B");
    expect(await Promise.all(results)).toEqual(["A", "A", "B", "A"]);
    expect(flights.size()).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("starts a new run after the last one has ended", async () => {
    const { runs, join, coalesced } = start();
    const first = join("a");
    await settle();
    runs[0].resolve("1");
    await first;
    const second = join("a");
    await settle();
    runs[1].resolve("2");
    expect(await second).toBe("2");
    expect(coalesced()).toBe(0);
  });

  test("aborts the run's signal when the last caller leaves, not before", async () => {
    const { runs, join, flights, clock } = start();
    const one = new AbortController();
    const two = new AbortController();
    const first = join("a", 1000, one.signal);
    const second = join("a", 1000, two.signal);
    await settle();
    one.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    expect(runs[0].call.signal.aborted).toBe(false);
    two.abort(new Error("gone too"));
    await expect(second).rejects.toThrow("gone too");
    expect(runs[0].call.signal.aborted).toBe(true);
    expect(flights.size()).toBe(0);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("promotes a background run when the first caller joins that waits for it", async () => {
    const { runs, join } = start();
    const joinInBackground = () => void join("a", 1000, undefined, true).catch(() => {});
    joinInBackground();
    await settle();
    let promotions = 0;
    runs[0].call.onPromoted = () => promotions++;
    joinInBackground();
    expect([runs[0].call.background(), promotions]).toEqual([true, 0]);
    void join("a");
    void join("a");
    joinInBackground();
    expect([runs[0].call.background(), promotions]).toEqual([false, 1]);
    void join("b");
    await settle();
    expect(runs[1].call.background()).toBe(false);
    for (const { resolve } of runs) resolve("done");
    await settle();
  });

  test("starts a new run after the last caller has left, and ignores how the abandoned one ends", async () => {
    const { runs, join, flights } = start();
    const gone = new AbortController();
    const first = join("a", 1000, gone.signal).catch((error) => error);
    await settle();
    gone.abort("gone");
    expect(await first).toBe("gone");
    const second = join("a");
    await settle();
    // An unhandled rejection would fail the test run.
    runs[0].reject(new Error("unseen"));
    await settle();
    expect(flights.size()).toBe(1);
    runs[1].resolve("new");
    expect(await second).toBe("new");
  });

  test("rejects each caller at its own deadline with the run's timeoutError", async () => {
    const { runs, join, clock } = start();
    const impatient = join("a", 100);
    const patient = join("a", 5000);
    await settle();
    expect(runs[0].call.deadline()).toBe(5000);
    runs[0].call.timeoutError = () => new Error("queued");
    const late = expect(impatient).rejects.toThrow("queued");
    await clock.advance(100);
    await late;
    expect(runs[0].call.signal.aborted).toBe(false);
    runs[0].resolve("done");
    expect(await patient).toBe("done");
  });

  test("is not changed by the wall clock", async () => {
    const { runs, join, clock } = start();
    const result = join("a", 1000);
    await settle();
    clock.setWallClock(3_600_000);
    expect(runs[0].call.deadline()).toBe(1000);
    runs[0].resolve("done");
    expect(await result).toBe("done");
  });

  test("tells a caller that leaves during a sync that it was sent", async () => {
    const { runs, join } = start();
    const leave = (reason: string) => {
      const gone = new AbortController();
      const call = join("a", 1000, gone.signal).catch((error) => error);
      return { call, leave: () => gone.abort(reason) };
    };
    const [early, late, stays] = [leave("early"), leave("late"), join("a")];
    await settle();
    runs[0].call.timeoutError = () => new DaxPayFailure("UPSTREAM_TIMEOUT", "x", { delivery: "NOT_SENT" });
    early.leave();
    expect(await early.call).toBe("early");
    runs[0].call.timeoutError = () => new DaxPayFailure("UPSTREAM_TIMEOUT", "x", { delivery: "IN_DOUBT" });
    late.leave();
    expect(await late.call).toMatchObject({ name: "AbortedDuringSyncError", cause: "late" });
    runs[0].resolve("done");
    expect(await stays).toBe("done");
  });

  test("rejects every caller when the run fails", async () => {
    const { runs, join } = start();
    const results = Promise.allSettled([join("a"), join("a")]);
    await settle();
    const reason = new Error("broken");
    runs[0].reject(reason);
    expect(await results).toEqual([{ status: "rejected", reason }, { status: "rejected", reason }]);
  });

  test("rejects a caller whose signal has aborted before, without a run", async () => {
    const { runs, join } = start();
    await expect(join("a", 1000, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
    await settle();
    expect(runs).toEqual([]);
  });
});
