import { afterEach, describe, expect, test } from "vitest";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import type { RefundQuery } from "../../src/daxpay/request.ts";
import type { RefundsOptions } from "../../src/refund/refunds.ts";
import { createEmbedded, type Embedded, type EmbeddedOptions } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

const request = (numbers: Partial<RefundQuery>): RefundQuery => ({
  refundNo: "",
  bizRefundNo: "",
  clientIp: "",
  nonceStr: "",
  ...numbers,
});

/** The domain in front of an embedded DaxPay, and what reached that. */
function start(options: EmbeddedOptions = { release: "3.0.0" }, overrides: Partial<RefundsOptions> = {}) {
  embedded = createEmbedded(options);
  const { refunds, events } = embedded.start(overrides);
  const { daxpay } = embedded;
  const gone = new AbortController();
  return {
    daxpay,
    refunds,
    events,
    gone,
    /** Calls, and resolves with the state or the failure when the given time has passed. */
    async sync(
      numbers: Partial<RefundQuery>,
      passMs = 5_000,
      timeoutMs = 60_000,
      signal = new AbortController().signal,
    ) {
      const outcome = refunds.sync(request(numbers), { signal, timeoutMs }).catch((error) => error);
      await embedded.advance(passMs);
      return await outcome;
    },
    /** Starts a call. */
    call: (numbers: Partial<RefundQuery>, timeoutMs = 60_000, signal = new AbortController().signal) =>
      refunds.sync(request(numbers), { signal, timeoutMs }).catch((error) => error),
    endpoints: () => daxpay.requests.map(({ endpoint }) => endpoint),
  };
}

describe("createSyncer() in mode auto", () => {
  test.each(["close", "success"] as const)(
    "answers a refund in status %s from the query, without a sync",
    async (status) => {
      const { daxpay, sync, endpoints } = start();
      daxpay.addRefund({ refundNo: "R1", status, state: "CLOSED", orderNo: "P1", amount: 1234 });
      expect(await sync({ refundNo: "R1", clientIp: "10.0.0.1" })).toMatchObject({
        refundNo: "R1",
        bizRefundNo: "B-R1",
        daxpayStatus: status,
        final: true,
        binding: "REFUND",
        orderNo: "P1",
        channel: "wechat_pay",
        amountFen: 1234n,
        nextSyncDelayMs: undefined,
      });
      expect(endpoints()).toEqual(["query"]);
      expect(daxpay.refund("R1")).toMatchObject({ syncs: 0, credits: 0 });
    },
  );

  test.each(["2.0.7", "2.0.8", "3.0.0-beta4"] as const)(
    "syncs an unfinished refund of %s and takes a settled state from a second query",
    async (release) => {
      const { daxpay, sync, endpoints } = start({ release });
      daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
      expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "SUCCEEDED", final: true, binding: "REFUND" });
      expect(endpoints()).toEqual(["query", "sync", "query"]);
    },
  );

  test("returns the sync's state as not final when the second query fails", async () => {
    const { daxpay, call } = start();
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS", latencyMs: 1_000 });
    const outcome = call({ refundNo: "R1" });
    await embedded.advance(500);
    daxpay.setFault("http-500", { endpoint: "query" });
    await embedded.advance(5_000);
    expect(await outcome).toMatchObject({
      status: "SUCCEEDED",
      final: false,
      binding: "SECRET_ONLY",
      nextSyncDelayMs: 10_000,
      orderNo: "P-R1",
    });
  });

  test("does not query again after a sync that left the refund in progress", async () => {
    const { daxpay, sync, endpoints } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    expect(await sync({ refundNo: "R1", bizRefundNo: "B-R1" })).toMatchObject({ status: "IN_PROGRESS", final: false });
    expect(endpoints().at(-1)).toBe("sync");
  });

  test("does not sync a refund whose status it does not know", async () => {
    const { daxpay, sync, endpoints } = start();
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("unknown-status", { endpoint: "query" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "UNKNOWN", final: false, nextSyncDelayMs: 60_000 });
    expect(endpoints()).toEqual(["query"]);
  });

  test("returns REFUND_NOT_FOUND for an unknown refund without a sync", async () => {
    const { sync, endpoints } = start();
    expect(await sync({ refundNo: "R-NONE" })).toMatchObject({
      reason: "REFUND_NOT_FOUND",
      delivery: "NOT_SENT",
      step: "QUERY",
    });
    expect(endpoints()).toEqual(["query"]);
  });

  test("fails the call when the query fails, after retries that send no sync", async () => {
    const { daxpay, sync, endpoints } = start({ release: "3.0.0", timeoutMs: 1_000 });
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("hang", { endpoint: "query" });
    expect(await sync({ refundNo: "R1" }, 20_000)).toMatchObject({
      reason: "UPSTREAM_TIMEOUT",
      delivery: "NOT_SENT",
      step: "QUERY",
    });
    expect(endpoints()).toEqual(["query", "query", "query"]);
  });

  test("returns after one timeout of the query when its connection was dead", async () => {
    const { daxpay, sync } = start({ release: "3.0.0", timeoutMs: 3_000 });
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("hang", { endpoint: "query", times: 1 });
    expect(await sync({ refundNo: "R1" }, 4_000)).toMatchObject({ status: "SUCCEEDED" });
  });

  test("never retries a sync whose connection died", async () => {
    const { daxpay, sync } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    daxpay.setFault("reset", { endpoint: "sync" });
    expect(await sync({ refundNo: "R1" }, 30_000)).toMatchObject({
      reason: "REPLY_INTERRUPTED",
      delivery: "IN_DOUBT",
      step: "SYNC",
    });
    expect(daxpay.requests.filter(({ endpoint }) => endpoint === "sync")).toHaveLength(1);
  });

  test("queries again before each retry of a held lock", async () => {
    const { daxpay, sync, endpoints } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 13_000 });
    // Another client holds the lock, and closes the refund.
    const other = embedded.start();
    const closing = other.refunds.sync(request({ refundNo: "R1" }), {
      signal: new AbortController().signal,
      timeoutMs: 60_000,
    });
    await embedded.advance(10);
    const mine = await sync({ refundNo: "R1" }, 40_000);
    await closing;
    expect(mine).toMatchObject({ status: "CLOSED", final: true });
    expect(daxpay.refund("R1")).toMatchObject({ credits: 1 });
    const last = endpoints().lastIndexOf("sync");
    expect(endpoints()[last - 1]).toBe("query");
  });

  test("repeats the query when more than 250 ms pass before the sync", async () => {
    const { daxpay, call, sync } = start({ release: "2.0.8" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    daxpay.addRefund({ refundNo: "R2", state: "PROCESSING" });
    daxpay.setFault("slow", { refundNo: "R1", endpoint: "query", times: 1 });
    const outcome = call({ refundNo: "R1" });
    // DaxPay asks for fewer requests while the query is in flight: everything pauses for 5 s.
    daxpay.setFault("http-429", { refundNo: "R2", endpoint: "query", times: 1 });
    await sync({ refundNo: "R2" }, 20_000);
    expect(await outcome).toMatchObject({ status: "IN_PROGRESS" });
    const mine = daxpay.requests.filter(({ members }) => members?.refundNo === "R1");
    expect(mine.map(({ endpoint }) => endpoint)).toEqual(["query", "query", "sync"]);
    expect(mine[2].time - mine[1].time).toBeLessThanOrEqual(250);
    expect(mine[1].time - mine[0].time).toBeGreaterThanOrEqual(5_000);
  });

  test("keeps the query and the sync together at the lowest rate", async () => {
    const { daxpay, sync } = start({ release: "3.0.0", refunds: { rateLimit: { rate: 1, concurrency: 4 } } });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    await sync({ refundNo: "R1" });
    const [{ time: first }] = daxpay.requests;
    expect(daxpay.requests.map(({ endpoint, time }) => [endpoint, time - first])).toEqual([
      ["query", 0],
      // By bizRefundNo, which proves the application.
      ["query", 2_000],
      ["sync", 2_000],
    ]);
  });
});

describe("createSyncer() in the other modes", () => {
  test("only: never syncs, and returns what the query reports", async () => {
    const { daxpay, sync, endpoints } = start({ release: "3.0.0" }, { queryMode: "only" });
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "IN_PROGRESS", final: false, binding: "REFUND" });
    expect(endpoints()).toEqual(["query"]);
  });

  test("around: queries after every sync", async () => {
    const { daxpay, sync, endpoints } = start({ release: "2.0.8" }, { queryMode: "around" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ daxpayStatus: "progress", binding: "REFUND" });
    expect(endpoints()).toEqual(["query", "sync", "query"]);
  });

  test("off: syncs alone", async () => {
    const { daxpay, sync, endpoints } = start({ release: "2.0.8" }, { queryMode: "off" });
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({
      daxpayStatus: "refund_success",
      binding: "SECRET_ONLY",
      final: true,
    });
    expect(endpoints()).toEqual(["sync"]);
  });

  test.each(["documented", "2.0.6"] as const)("a release without a query, %s, syncs alone", async (release) => {
    const { daxpay, sync, endpoints } = start({ release });
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "SUCCEEDED", final: true });
    expect(endpoints()).toEqual(["sync"]);
  });
});

describe("createSyncer() serialises the syncs of one refund", () => {
  const pairs = {
    "two client addresses": [{ refundNo: "R1", clientIp: "10.0.0.1" }, { refundNo: "R1", clientIp: "10.0.0.2" }],
    "both numbers": [{ refundNo: "R1" }, { bizRefundNo: "B-R1" }],
    "nonces of their own": [{ refundNo: "R1", nonceStr: "a" }, { refundNo: "R1", nonceStr: "b" }],
  };
  const cases = (["3.0.0", "3.0.0-beta4"] as const).flatMap((release) =>
    Object.entries(pairs).map(([name, requests]) => ({ release, name, requests }))
  );
  test.each(cases)("$release called with $name: `close` reaches DaxPay once", async ({ release, requests }) => {
    const { daxpay, call, sync } = start({ release });
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 2_000 });
    const outcome = call(requests[0]);
    expect(await sync(requests[1])).toMatchObject({ status: "CLOSED", final: true });
    expect(await outcome).toMatchObject({ status: "CLOSED", final: true });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });

  test("called by a watch and a batch at once", async () => {
    const { daxpay, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 2_000 });
    const { signal } = new AbortController();
    const watch = Array.fromAsync(refunds.watch(request({ refundNo: "R1" }), signal));
    const batch = Array.fromAsync(
      refunds.batch([request({ bizRefundNo: "B-R1" }), request({ refundNo: "R1" })], { signal, timeoutMs: 60_000 }),
    );
    await embedded.advance(10_000);
    expect(await watch).toMatchObject([{ outcome: { status: "CLOSED", final: true } }]);
    expect(await batch).toHaveLength(2);
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });

  test("on beta4 per payment order, whose balance has no version check", async () => {
    const { daxpay, call } = start({ release: "3.0.0-beta4" });
    for (const refundNo of ["R1", "R2"]) {
      daxpay.addRefund({ refundNo, orderNo: "P1", state: "CLOSED", latencyMs: 2_000 });
    }
    const outcomes = [call({ refundNo: "R1" }), call({ refundNo: "R2" })];
    await embedded.advance(10_000);
    expect(await Promise.all(outcomes)).toMatchObject([{ refundNo: "R1" }, { refundNo: "R2" }]);
    const syncs = daxpay.requests.filter(({ endpoint }) => endpoint === "sync");
    expect(syncs[1].time - syncs[0].time).toBeGreaterThanOrEqual(2_000);
    expect(daxpay.refund("R2")).toMatchObject({ refundableBalance: 7_000 });
  });
});

describe("createSyncer() with a sync in doubt", () => {
  function startInDoubt(refunds: Partial<RefundsOptions> = {}) {
    const started = start({ release: "3.0.0", timeoutMs: 5_000 }, refunds);
    started.daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 40_000 });
    return started;
  }

  test("sends only queries until the settle timeout", async () => {
    const { daxpay, sync, events } = startInDoubt();
    expect(await sync({ refundNo: "R1" }, 6_000)).toMatchObject({
      reason: "UPSTREAM_TIMEOUT",
      delivery: "IN_DOUBT",
      step: "SYNC",
    });
    expect(events).toContainEqual({ type: "doubt", refundNo: "R1", orderNo: "P-R1", ms: 60_000 });
    expect(await sync({ bizRefundNo: "B-R1" }, 100)).toMatchObject({
      reason: "SYNC_IN_DOUBT",
      delivery: "IN_DOUBT",
      step: "QUERY",
      retryDelayMs: 54_000,
    });
    // DaxPay closes it after 40 s: the query settles the doubt.
    await embedded.advance(40_000);
    expect(await sync({ refundNo: "R1" }, 100)).toMatchObject({ status: "CLOSED", final: true });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });

  test("syncs again after the settle timeout", async () => {
    const { daxpay, sync, refunds } = startInDoubt();
    daxpay.setChannel("R1", { state: "PROCESSING", latencyMs: 6_000 });
    await sync({ refundNo: "R1" }, 6_000);
    expect(refunds.stats().inDoubt).toBe(1);
    daxpay.setChannel("R1", { state: "SUCCESS", latencyMs: 0 });
    await embedded.advance(55_000);
    expect(refunds.stats().inDoubt).toBe(0);
    expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "SUCCEEDED", final: true });
  });

  test.each(["lost", "unanswered", "http-500", "html-200", "wrong-sign", "cut", "stale"] as const)(
    "is in doubt after a reply that is %s",
    async (fault) => {
      const { daxpay, sync } = start({ release: "3.0.0", timeoutMs: 5_000 });
      daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
      daxpay.setFault(fault, { endpoint: "sync", times: 1 });
      expect(await sync({ refundNo: "R1" }, 6_000)).toBeInstanceOf(DaxPayFailure);
      expect(await sync({ refundNo: "R1" })).toMatchObject({ reason: "SYNC_IN_DOUBT" });
    },
  );

  test("is not in doubt after DaxPay's own failure", async () => {
    const { daxpay, sync, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", state: "UNPARSABLE" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ reason: "UPSTREAM_ERROR", delivery: "ANSWERED" });
    expect(refunds.stats().inDoubt).toBe(0);
  });

  test("finishes a sync that its callers have left, and shares its outcome", async () => {
    const { daxpay, call, sync } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 10_000 });
    const gone = new AbortController();
    const left = call({ refundNo: "R1" }, 60_000, gone.signal);
    await embedded.advance(1_000);
    gone.abort(new Error("left"));
    expect(await left).toMatchObject({ cause: { message: "left" } });
    expect(await sync({ refundNo: "R1" }, 10_000)).toMatchObject({ status: "CLOSED", final: true });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });

  test("cancels a call whose callers leave during the query", async () => {
    const { daxpay, call } = start();
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("slow", { endpoint: "query" });
    const gone = new AbortController();
    const left = call({ refundNo: "R1" }, 60_000, gone.signal);
    await embedded.advance(500);
    gone.abort(new Error("left"));
    await left;
    await embedded.advance(10_000);
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 0 });
  });

  test("sends no sync within the settle timeout of its start where an earlier process may have left one", async () => {
    const { daxpay, sync } = start({ release: "3.0.0" }, { settleOnStart: true });
    daxpay.addRefund({ refundNo: "R1", state: "SUCCESS" });
    expect(await sync({ refundNo: "R1" })).toMatchObject({ reason: "SYNC_IN_DOUBT", retryDelayMs: 60_000 });
    await embedded.advance(55_000);
    expect(await sync({ refundNo: "R1" })).toMatchObject({ status: "SUCCEEDED", final: true });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1 });
  });

  test.each(["3.0.0", "documented"] as const)(
    "drain() waits for the syncs in progress of %s, but no longer than it may",
    async (release) => {
      const { daxpay, refunds, call } = start({ release });
      daxpay.addRefund({ refundNo: "R1", latencyMs: 10_000 });
      call({ refundNo: "R1" });
      await embedded.advance(1_000);
      const drained: string[] = [];
      refunds.drain(2_000).then(() => drained.push("2 s"));
      refunds.drain(60_000).then(() => drained.push("60 s"));
      await embedded.advance(2_000);
      expect(drained).toEqual(["2 s"]);
      await embedded.advance(8_000);
      expect(drained).toEqual(["2 s", "60 s"]);
    },
  );
});

describe("createSyncer() and the refunds of others", () => {
  test.each(["3.0.0", "3.0.0-beta4"] as const)(
    "%s: rejects another application's refund without a sync",
    async (release) => {
      const { daxpay, sync } = start({ release, server: { apps: { "M-OTHER": "M1745845174843" } } });
      daxpay.addRefund({ refundNo: "R1", appId: "M-OTHER", state: "SUCCESS" });
      expect(await sync({ refundNo: "R1" })).toMatchObject({
        reason: "INVALID_REQUEST",
        delivery: "NOT_SENT",
        step: "QUERY",
      });
      expect(daxpay.refund("R1")).toMatchObject({ syncs: 0 });
    },
  );

  test("3.0.0: proves a refund's application once", async () => {
    const { daxpay, sync, endpoints } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    await sync({ refundNo: "R1" });
    await sync({ refundNo: "R1" });
    expect(endpoints()).toEqual(["query", "query", "sync", "query", "sync"]);
  });
});

describe("createRefundMemory() behind createSyncer()", () => {
  test("never syncs a refund again that was closed once, and reports the contradiction", async () => {
    const { daxpay, sync, events } = start();
    daxpay.addRefund({ refundNo: "R1", status: "close", state: "ERROR", orderNo: "P1", channel: "ali_pay" });
    await sync({ refundNo: "R1" });
    // Another client syncs the closed refund during a channel error, which turns it to `fail`.
    const other = embedded.start({ queryMode: "off" });
    other.refunds.sync(request({ refundNo: "R1" }), { signal: new AbortController().signal, timeoutMs: 9_000 }).catch(
      () => {},
    );
    await embedded.advance(1_000);
    expect(daxpay.refund("R1")).toMatchObject({ status: "fail", syncs: 1 });
    const state = await sync({ refundNo: "R1" });
    expect(state).toMatchObject({ status: "FAILED", final: false });
    await sync({ refundNo: "R1" });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1 });
    expect(events.filter(({ type }) => type === "conflict")).toMatchObject([
      { before: { status: "CLOSED" }, after: { status: "FAILED", orderNo: "P1" } },
    ]);
  });

  test("says since when a status has not changed", async () => {
    const { daxpay, sync } = start({ release: "2.0.8" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const before = Date.now();
    await sync({ refundNo: "R1" }, 1_000);
    expect(await sync({ refundNo: "R1" }, 1_000)).toMatchObject({ unchangedSince: before });
  });
});

describe("a watch on 3.x", () => {
  test("goes on for an hour of `fail` and ends with SUCCEEDED when the channel succeeds", async () => {
    const { daxpay, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", status: "fail", state: "PROCESSING" });
    const seen: unknown[] = [];
    const done = (async () => {
      for await (const { outcome } of refunds.watch(request({ refundNo: "R1" }), new AbortController().signal)) {
        seen.push(outcome instanceof DaxPayFailure ? outcome.reason : [outcome.status, outcome.final]);
      }
    })();
    await embedded.advance(3_600_000);
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.every((one) => `${one}` === "FAILED,false")).toBe(true);
    daxpay.setChannel("R1", { state: "SUCCESS" });
    await embedded.advance(300_000);
    await done;
    expect(seen.at(-1)).toEqual(["SUCCEEDED", true]);
  });
});

describe("a watch whose connection breaks", () => {
  test("continues its schedule for who reconnects before the next attempt, without a request", async () => {
    const { daxpay, refunds } = start({ release: "2.0.6" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const from = Date.now();
    const numbers: number[] = [];
    for (let connection = 0; connection < 12; connection++) {
      const gone = new AbortController();
      const reading = (async () => {
        for await (const { attempt } of refunds.watch(request({ refundNo: "R1" }), gone.signal)) numbers.push(attempt);
      })();
      await embedded.advance(4_700);
      gone.abort(new Error("balancer"));
      await reading.catch(() => {});
      await embedded.advance(100);
    }
    const at = daxpay.requests.map(({ time }) => Math.round((time - from) / 1_000));
    expect(at).toEqual([0, 10, 40]);
    expect(Math.max(...numbers)).toBe(3);
  });

  test("starts anew for who comes after that, and leaves nothing behind meanwhile", async () => {
    const { daxpay, refunds } = start({ release: "2.0.6" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const gone = new AbortController();
    const reading = Array.fromAsync(refunds.watch(request({ refundNo: "R1" }), gone.signal)).catch(() => {});
    await embedded.advance(1_000);
    gone.abort(new Error("left"));
    await reading;
    await embedded.advance(60_000);
    expect(daxpay.requests).toHaveLength(1);
    expect(refunds.stats()).toMatchObject({ watchers: 0, oldestWatch: undefined });
    const again = await refunds.watch(request({ refundNo: "R1" }), new AbortController().signal)
      [Symbol.asyncIterator]();
    const first = again.next();
    await embedded.advance(10);
    expect((await first).value).toMatchObject({ attempt: 1 });
    await again.return(undefined);
    expect(daxpay.requests).toHaveLength(2);
  });
});

describe("a stream whose signal aborts", () => {
  async function endOf(states: AsyncIterable<unknown>): Promise<unknown> {
    return await Array.fromAsync(states).catch((error) => error);
  }

  test("during the sync of a watch's attempt: says that it was sent", async () => {
    const { daxpay, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", latencyMs: 5_000 });
    const stop = new AbortController();
    const end = endOf(refunds.watch(request({ refundNo: "R1" }), stop.signal));
    await embedded.advance(1_000);
    stop.abort(new Error("shutdown"));
    expect(await end).toMatchObject({ name: "AbortedDuringSyncError", cause: new Error("shutdown") });
  });

  test("between the attempts of a watch: says nothing of a sync", async () => {
    const { daxpay, refunds } = start();
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    const stop = new AbortController();
    const end = endOf(refunds.watch(request({ refundNo: "R1" }), stop.signal));
    await embedded.advance(1_000);
    stop.abort(new Error("shutdown"));
    expect(await end).toEqual(new Error("shutdown"));
  });

  test("during the sync of any item of a batch: says that it was sent", async () => {
    const { daxpay, refunds } = start({ release: "2.0.8" });
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING" });
    daxpay.addRefund({ refundNo: "R2", latencyMs: 5_000 });
    daxpay.setFault("slow", { refundNo: "R1", endpoint: "query" });
    const stop = new AbortController();
    const end = endOf(
      refunds.batch([request({ refundNo: "R1" }), request({ refundNo: "R2" })], {
        signal: stop.signal,
        timeoutMs: 60_000,
      }),
    );
    await embedded.advance(1_000);
    stop.abort(new Error("shutdown"));
    await embedded.advance(0);
    expect(await end).toMatchObject({ name: "AbortedDuringSyncError" });
  });
});
