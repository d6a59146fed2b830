import { afterEach, describe, expect, test } from "vitest";
import type { Booking, SharedBudget } from "../../src/refund/shared-budget.ts";
import { createRefundRecords } from "../../src/refund/records.ts";
import { systemClock } from "../../src/refund/clock.ts";
import type { RefundsOptions } from "../../src/refund/refunds.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

/** One call at a time, and every call takes two seconds. */
function start(overrides: Partial<RefundsOptions> = {}) {
  embedded = createEmbedded({ release: "3.0.0" });
  for (const refundNo of ["R1", "R2", "R3", "R4"]) {
    embedded.daxpay.addRefund({ refundNo, status: "close", state: "CLOSED" });
  }
  embedded.daxpay.setFault("slow", { endpoint: "query" });
  const rateLimit = { rate: 100_000, concurrency: 1 };
  const { refunds, client } = embedded.start({ rateLimit, ...overrides });
  const ended: string[] = [];
  /** Calls for the refund, which is settled, so that it sends one query. */
  const call = (refundNo: string, background: boolean) => {
    const request = { refundNo, bizRefundNo: "", clientIp: "", nonceStr: "" };
    const caller = { signal: new AbortController().signal, timeoutMs: 60_000 };
    return refunds.sync(request, caller, { background })
      .then(() => ended.push(`${refundNo} ${background ? "background" : "caller"}`));
  };
  return { refunds, client, rateLimit, call, ended };
}

describe("createRefunds().sync() in the background", () => {
  test("waits for the calls of callers", async () => {
    const { refunds, call, ended } = start();
    void call("R1", true);
    void call("R2", true);
    void call("R3", false);
    await embedded.advance(500);
    expect(refunds.stats()).toMatchObject({ queueSize: 2, backgroundQueueSize: 1, inFlight: 3 });
    await embedded.advance(6_500);
    expect(ended).toEqual(["R1 background", "R3 caller", "R2 background"]);
  });

  test("no longer waits for callers once a caller has joined it", async () => {
    const { refunds, call, ended } = start();
    for (const refundNo of ["R1", "R2", "R3"]) void call(refundNo, true);
    await embedded.advance(500);
    void call("R3", false);
    void call("R4", false);
    await embedded.advance(100);
    expect(refunds.stats()).toMatchObject({ queueSize: 3, backgroundQueueSize: 1, inFlight: 4 });
    await embedded.advance(8_000);
    expect(ended).toEqual(["R1 background", "R3 background", "R3 caller", "R4 caller", "R2 background"]);
  });
});

describe("createRefunds() with a budget", () => {
  test("books in it, also after a change of the rate", async () => {
    const bookings: [string, Booking][] = [];
    const budget: SharedBudget = {
      book(holder, booking) {
        bookings.push([holder, booking]);
        const granted = (requests: readonly number[]) => requests.reduce((sum, count) => sum + count, 0);
        const callers = granted(booking.callers);
        const background = granted(booking.background);
        return Promise.resolve({ callers, background, callersInMs: 0, backgroundInMs: 0, pausedMs: 0 });
      },
      replicas: () => 1,
    };
    const { refunds, client, call, ended } = start({ budget, rateLimit: { rate: 50, concurrency: 1 } });
    void call("R1", true);
    await embedded.advance(3_000);
    refunds.reconfigure({
      daxpay: client,
      queryMode: "auto",
      settleTimeoutMs: 60_000,
      settleOnStart: false,
      rateLimit: { rate: 20, concurrency: 1 },
      records: createRefundRecords(systemClock),
    });
    void call("R2", false);
    await embedded.advance(3_000);
    expect(ended).toEqual(["R1 background", "R2 caller"]);
    const jobs = bookings.filter(([, { callers, background }]) => callers.length + background.length > 0);
    expect(jobs.map(([, { limit, callers, background }]) => [limit.capacity, callers, background])).toEqual([
      [50, [], [2]],
      [20, [2], []],
    ]);
    // What one limiter holds does not replace what the other does.
    expect(jobs[0][0]).not.toBe(jobs[1][0]);
  });
});
