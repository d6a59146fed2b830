import { expect, test } from "vitest";
import { createSingleFlight, type SharedCall } from "../../src/refund/single-flight.ts";
import { createManualClock, settle } from "../support/clock.ts";

function start() {
  const clock = createManualClock();
  const runs: { flight: SharedCall; land: (value: string) => void; crash: (error: Error) => void }[] = [];
  let shared = 0;
  const flights = createSingleFlight<string>(clock, () => shared++);
  const join = (key: string, timeoutMs = 1000, signal = new AbortController().signal) =>
    flights.do(key, { signal, timeoutMs }, (flight) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      runs.push({ flight, land: resolve, crash: reject });
      return promise;
    });
  return { clock, runs, flights, join, shared: () => shared };
}

test("callers of one key share one run, others have their own", async () => {
  const { runs, join, flights, shared, clock } = start();
  const answers = [join("a"), join("a"), join("b"), join("a")];
  await settle();
  expect(runs.length).toBe(2);
  expect(shared()).toBe(2);
  runs[0].land("A");
  runs[1].land("B");
  expect(await Promise.all(answers)).toEqual(["A", "A", "B", "A"]);
  expect([flights.size(), clock.pendingTimers()]).toEqual([0, 0]);
});

test("a run that has ended is not shared", async () => {
  const { runs, join } = start();
  const first = join("a");
  await settle();
  runs[0].land("1");
  await first;
  const second = join("a");
  await settle();
  runs[1].land("2");
  expect(await second).toBe("2");
});

test("one that leaves does not end it for the others, the last one does", async () => {
  const { runs, join, flights, clock } = start();
  const one = new AbortController();
  const two = new AbortController();
  const first = join("a", 1000, one.signal);
  const second = join("a", 1000, two.signal);
  await settle();
  one.abort(new Error("gone"));
  await expect(first).rejects.toThrow("gone");
  expect(runs[0].flight.signal.aborted).toBe(false);
  two.abort(new Error("gone too"));
  await expect(second).rejects.toThrow("gone too");
  expect(runs[0].flight.signal.aborted).toBe(true);
  expect([flights.size(), clock.pendingTimers()]).toEqual([0, 0]);
});

test("a newcomer after the last one has left starts anew", async () => {
  const { runs, join } = start();
  const gone = new AbortController();
  const first = join("a", 1000, gone.signal);
  await settle();
  gone.abort(new Error("gone"));
  await first.catch(() => {});
  const second = join("a");
  await settle();
  runs[1].land("new");
  expect(await second).toBe("new");
});

test("each caller's time ends by itself, with what the work says of lateness", async () => {
  const { runs, join, clock } = start();
  const hurried = join("a", 100);
  const patient = join("a", 5000);
  await settle();
  runs[0].flight.timeoutError = () => new Error("in line");
  expect(runs[0].flight.deadline()).toBe(5000);
  const late = expect(hurried).rejects.toThrow("in line");
  await clock.advance(100);
  await late;
  expect(runs[0].flight.signal.aborted).toBe(false);
  runs[0].land("done");
  expect(await patient).toBe("done");
});

test("a failure reaches every caller, and one that all have left nobody", async () => {
  const { runs, join } = start();
  const both = Promise.allSettled([join("a"), join("a")]);
  await settle();
  runs[0].crash(new Error("broken"));
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);

  const gone = new AbortController();
  const left = join("b", 1000, gone.signal);
  await settle();
  gone.abort(new Error("gone"));
  await left.catch(() => {});
  // An unhandled rejection would fail the test run.
  runs[1].crash(new Error("unseen"));
  await settle();
});

test("one that has gone before is not let in", async () => {
  const { runs, join } = start();
  await expect(join("a", 1000, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  await settle();
  expect(runs.length).toBe(0);
});
