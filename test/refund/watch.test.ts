import { afterEach, describe, expect, test, vi } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { Attempt } from "../../src/refund/watch.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";

const REQUEST: RefundQuery = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };
const DAY_MS = 24 * 3600 * 1000;

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

/** An attempt by its number and what it led to. */
const shortOf = ({ attempt, outcome }: Attempt) =>
  outcome instanceof DaxPayFailure
    ? { attempt, reason: outcome.reason }
    : { attempt, status: outcome.status, final: outcome.final };

/**
 * The domain in front of an embedded DaxPay. 2.0.6 has no query, so each attempt is one request; waits are 10 s, 30 s, three
 * times 1 min, and 5 min, without jitter.
 */
function start(release: ReleaseName = "2.0.6") {
  embedded = createEmbedded({ release });
  const startedAt = Date.now();
  const { refunds, events } = embedded.start();
  const { daxpay } = embedded;
  return {
    daxpay,
    refunds,
    events,
    /** When syncs arrived at DaxPay, in whole seconds since the start. */
    syncTimes: () =>
      daxpay.requests.filter(({ endpoint }) => endpoint === "sync")
        .map(({ time }) => Math.round((time - startedAt) / 1000)),
    /** Reads a watch; `ended` is its error, or null for a normal end. */
    watch(signal = new AbortController().signal) {
      const watch = { attempts: [] as ReturnType<typeof shortOf>[], ended: undefined as unknown };
      void (async () => {
        try {
          for await (const attempt of refunds.watch(REQUEST, signal)) watch.attempts.push(shortOf(attempt));
          watch.ended = null;
        } catch (error) {
          watch.ended = error;
        }
      })();
      return watch;
    },
  };
}

describe("watch() schedules its attempts", () => {
  test("by the waits, the last of which repeats", async () => {
    const { daxpay, syncTimes, watch } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    watch();
    await embedded.advance(1_200_000);
    expect(syncTimes()).toEqual([0, 10, 40, 100, 160, 220, 520, 820, 1120]);
  });

  test("no earlier than the last failure allows", async () => {
    const { daxpay, syncTimes, watch } = start();
    daxpay.addRefund({ refundNo: "R1", state: ["ERROR", "PROCESSING"] });
    const { attempts } = watch();
    await embedded.advance(95_000);
    expect(syncTimes()).toEqual([0, 60, 90]);
    expect(attempts).toMatchObject([{ reason: "CHANNEL_FAILED" }, { status: "IN_PROGRESS" }, {
      status: "IN_PROGRESS",
    }]);
  });

  test("on after a request that DaxPay did not answer", async () => {
    const { daxpay, watch } = start();
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("hang", { times: 1 });
    const result = watch();
    await embedded.advance(31_000);
    expect(result).toEqual({
      attempts: [{ attempt: 1, reason: "UPSTREAM_TIMEOUT" }, { attempt: 2, status: "SUCCEEDED", final: true }],
      ended: null,
    });
  });

  test("once a minute for an unknown status, which is never final", async () => {
    const { daxpay, syncTimes, watch } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    daxpay.setFault("unknown-status");
    const { attempts } = watch();
    await embedded.advance(200_000);
    expect(syncTimes()).toEqual([0, 60, 120, 180]);
    expect(attempts.at(-1)).toEqual({ attempt: 4, status: "UNKNOWN", final: false });
  });

  test("on after `fail` of 3.x, which is never final", async () => {
    const { daxpay, syncTimes, watch } = start("3.0.0");
    daxpay.addRefund({ refundNo: "R1", state: ["NETWORK_ERROR", "NETWORK_ERROR", "NETWORK_ERROR", "SUCCESS"] });
    const result = watch();
    await embedded.advance(200_000);
    expect(syncTimes()).toEqual([0, 30, 60, 120]);
    expect(result).toEqual({
      attempts: [
        { attempt: 1, status: "FAILED", final: false },
        { attempt: 2, status: "FAILED", final: false },
        { attempt: 3, status: "FAILED", final: false },
        { attempt: 4, status: "SUCCEEDED", final: true },
      ],
      ended: null,
    });
  });
});

describe("watch() ends", () => {
  test("with SUCCEEDED, leaving no timer", async () => {
    const { daxpay, watch, refunds } = start();
    const timers = vi.getTimerCount();
    daxpay.addRefund({ refundNo: "R1", state: ["PROCESSING", "SUCCESS"] });
    const result = watch();
    await embedded.advance(10_000);
    expect(result).toEqual({
      attempts: [
        { attempt: 1, status: "IN_PROGRESS", final: false },
        { attempt: 2, status: "SUCCEEDED", final: true },
      ],
      ended: null,
    });
    expect(refunds.stats()).toMatchObject({ watchers: 0, oldestWatch: undefined, inFlight: 0 });
    expect(vi.getTimerCount()).toBe(timers);
  });

  test("with CLOSED after NOT_FOUND_AT_CHANNEL, which is not final", async () => {
    const { daxpay, watch, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1", state: "NOT_EXIST" });
    const result = watch();
    await embedded.advance(31_000);
    expect(result).toEqual({
      attempts: [
        { attempt: 1, status: "NOT_FOUND_AT_CHANNEL", final: false },
        { attempt: 2, status: "CLOSED", final: true },
      ],
      ended: null,
    });
    expect(syncTimes()).toEqual([0, 30]);
  });

  test("with a failure that is not retryable, after yielding it", async () => {
    const { watch } = start();
    const result = watch();
    await embedded.advance(0);
    expect(result).toMatchObject({
      attempts: [{ attempt: 1, reason: "REFUND_NOT_FOUND" }],
      ended: { reason: "REFUND_NOT_FOUND" },
    });
  });

  test("with its caller's reason, and without further syncs", async () => {
    const { daxpay, watch, refunds, syncTimes } = start();
    const timers = vi.getTimerCount();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const gone = new AbortController();
    const result = watch(gone.signal);
    await embedded.advance(15_000);
    const reason = new Error("gone");
    gone.abort(reason);
    await embedded.advance(100_000);
    expect(result.ended).toBe(reason);
    expect(syncTimes()).toEqual([0, 10]);
    expect(refunds.stats()).toMatchObject({ watchers: 0, oldestWatch: undefined });
    expect(vi.getTimerCount()).toBe(timers);
  });

  test("when its reader stops, and without further syncs", async () => {
    const { daxpay, refunds, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const reading = (async () => {
      for await (const { attempt } of refunds.watch(REQUEST, new AbortController().signal)) if (attempt === 2) return;
    })();
    await embedded.advance(10_000);
    await reading;
    expect(refunds.stats()).toMatchObject({ watchers: 0, oldestWatch: undefined });
    await embedded.advance(100_000);
    expect(syncTimes()).toEqual([0, 10]);
  });

  test("during an attempt, whose sync is finished", async () => {
    const { daxpay, watch, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS", latencyMs: 5_000 });
    const gone = new AbortController();
    const result = watch(gone.signal);
    await embedded.advance(1_000);
    gone.abort(new Error("gone"));
    await embedded.advance(100);
    expect(result).toMatchObject({ attempts: [], ended: { name: "AbortedDuringSyncError", cause: new Error("gone") } });
    expect(refunds.stats()).toMatchObject({ watchers: 0, inFlight: 0 });
    await embedded.advance(10_000);
    expect(daxpay.refund("R1")).toMatchObject({ status: "success" });
  });

  test("at once when its caller has left before", () => {
    const { refunds, daxpay } = start();
    const reason = new Error("gone");
    expect(() => refunds.watch(REQUEST, AbortSignal.abort(reason))).toThrow(reason);
    expect(daxpay.requests).toEqual([]);
  });

  test("with DEADLINE_EXCEEDED a day after each caller came, while the schedule goes on for the others", async () => {
    const { daxpay, watch, refunds, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const first = watch();
    await embedded.advance(60_000);
    const second = watch();
    await embedded.advance(DAY_MS - 60_000 - 1);
    expect(first.ended).toBeUndefined();
    await embedded.advance(1);
    const late = { reason: "DEADLINE_EXCEEDED", delivery: "NOT_SENT", message: "Watch exceeded its 24 h limit" };
    expect(first.ended).toMatchObject(late);
    expect(second.ended).toBeUndefined();
    expect(refunds.stats().watchers).toBe(1);
    await embedded.advance(60_000);
    expect(second.ended).toMatchObject(late);
    expect(refunds.stats()).toMatchObject({ watchers: 0, oldestWatch: undefined });
    expect(syncTimes().slice(-2)).toEqual([86_020, 86_320]);
  });
});

describe("watch() shares one schedule", () => {
  test("between a thousand callers, with one timer", async () => {
    const { daxpay, watch, refunds, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const timers = vi.getTimerCount();
    const callers = Array.from({ length: 1000 }, () => new AbortController());
    const watches = callers.map(({ signal }) => watch(signal));
    await embedded.advance(41_000);
    expect(syncTimes()).toEqual([0, 10, 40]);
    expect(vi.getTimerCount() - timers).toBe(1);
    expect(refunds.stats()).toMatchObject({ watchers: 1000, inFlight: 0 });
    for (const caller of callers) caller.abort(new Error("gone"));
    await embedded.advance(0);
    for (const { attempts, ended } of watches) {
      expect(attempts).toHaveLength(3);
      expect(ended).toMatchObject({ message: "gone" });
    }
    expect(refunds.stats()).toMatchObject({ watchers: 0, inFlight: 0 });
  });

  test("with a late caller, who gets the last outcome at once and outlives the first", async () => {
    const { daxpay, watch, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1", state: ["PROCESSING", "PROCESSING", "SUCCESS"] });
    const gone = new AbortController();
    watch(gone.signal);
    await embedded.advance(15_000);
    const late = watch();
    await embedded.advance(0);
    expect(late.attempts).toMatchObject([{ attempt: 2, status: "IN_PROGRESS" }]);
    gone.abort(new Error("gone"));
    await embedded.advance(26_000);
    expect(late).toMatchObject({ attempts: [{ attempt: 2 }, { attempt: 3, status: "SUCCEEDED" }], ended: null });
    expect(syncTimes()).toEqual([0, 10, 40]);
  });

  test("and its requests with a unary call", async () => {
    const { daxpay, watch, refunds, events, syncTimes } = start();
    daxpay.addRefund({ refundNo: "R1" });
    const result = watch();
    const unary = refunds.sync(REQUEST, { signal: new AbortController().signal, timeoutMs: 1_000 });
    await embedded.advance(100);
    expect(await unary).toMatchObject({ status: "SUCCEEDED" });
    expect(result.ended).toBeNull();
    expect(syncTimes()).toEqual([0]);
    expect(events).toContainEqual({ type: "coalesced" });
  });
});

test("watch() reports a state that contradicts an earlier final one, and yields the newer", async () => {
  const { daxpay, refunds, events, watch } = start();
  daxpay.addRefund({ refundNo: "R1", state: ["SUCCESS", "NOT_EXIST"] });
  const before = refunds.sync(REQUEST, { signal: new AbortController().signal, timeoutMs: 1_000 });
  await embedded.advance(100);
  expect(await before).toMatchObject({ status: "SUCCEEDED", final: true });
  const { attempts } = watch();
  await embedded.advance(1_000);
  expect(attempts).toMatchObject([{ status: "NOT_FOUND_AT_CHANNEL", final: false }]);
  expect(events.filter(({ type }) => type === "conflict")).toMatchObject([
    { before: { status: "SUCCEEDED" }, after: { status: "NOT_FOUND_AT_CHANNEL" } },
  ]);
});
