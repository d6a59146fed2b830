import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/refund/clock.ts";
import type { EngineOptions } from "../../src/refund/engine.ts";
import { createRefundRecords } from "../../src/refund/records.ts";
import { createEmbedded, type Embedded, type EmbeddedService } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

const request = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };
const call = ({ refunds }: EmbeddedService) =>
  refunds.sync(request, { signal: new AbortController().signal, timeoutMs: 60_000 }).catch((error) => error);

describe("createRefunds() of two accounts with shared records", () => {
  function start() {
    embedded = createEmbedded({ release: "3.0.0", timeoutMs: 5_000 });
    const records = createRefundRecords(systemClock);
    return { daxpay: embedded.daxpay, one: embedded.start({ records }), two: embedded.start({ records }) };
  }

  test("sends no sync of a refund whose sync by the other is in doubt", async () => {
    const { daxpay, one, two } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 40_000 });
    const first = call(one);
    await embedded.advance(6_000);
    expect(await first).toMatchObject({ reason: "UPSTREAM_TIMEOUT", delivery: "IN_DOUBT" });
    const second = call(two);
    await embedded.advance(100);
    expect(await second).toMatchObject({ reason: "SYNC_IN_DOUBT", step: "QUERY" });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1 });
    expect(two.refunds.stats()).toMatchObject({ inDoubt: 1 });
  });

  test("waits for the sync in progress of the other", async () => {
    const { daxpay, one, two } = start();
    daxpay.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 3_000 });
    const calls = [call(one), call(two)];
    await embedded.advance(4_000);
    expect(await Promise.all(calls)).toMatchObject([{ status: "CLOSED" }, { status: "CLOSED" }]);
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
  });
});

describe("createRefunds().reconfigure()", () => {
  test("ends an attempt in progress as it began, and makes the next one with the changed options", async () => {
    embedded = createEmbedded({ release: "3.0.0" });
    const records = createRefundRecords(systemClock);
    const service = embedded.start({ records });
    const { daxpay } = embedded;
    daxpay.addRefund({ refundNo: "R1", state: "PROCESSING", latencyMs: 2_000 });
    const first = call(service);
    await embedded.advance(1_000);
    let closed = 0;
    const options: EngineOptions = {
      daxpay: { ...service.client, [Symbol.dispose]: () => closed++ },
      queryMode: "only",
      settleTimeoutMs: 60_000,
      settleOnStart: false,
      rateLimit: { rate: 7, concurrency: 1 },
      records,
    };
    service.refunds.reconfigure(options);
    await embedded.advance(2_000);
    expect(await first).toMatchObject({ refundNo: "R1" });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1 });
    const second = call(service);
    await embedded.advance(1_000);
    expect(await second).toMatchObject({ refundNo: "R1" });
    expect(daxpay.refund("R1")).toMatchObject({ syncs: 1 });
    // The client of the replaced options is closed, with no call in progress.
    service.refunds.reconfigure({ ...options, queryMode: "auto" });
    await embedded.advance(1);
    expect(closed).toBe(1);
  });
});

describe("createRefunds().remove()", () => {
  test("rejects further calls, ends watches at their next attempt, and lets a call in progress end", async () => {
    embedded = createEmbedded({ release: "2.0.8" });
    const service = embedded.start();
    embedded.daxpay.addRefund({ refundNo: "R1", state: "PROCESSING", latencyMs: 1_000 });
    const watch = Array.fromAsync(service.refunds.watch(request, new AbortController().signal)).catch((error) => error);
    await embedded.advance(1_500);
    const first = call(service);
    await embedded.advance(100);
    service.refunds.remove();
    await embedded.advance(2_000);
    expect(await first).toMatchObject({ refundNo: "R1" });
    expect(await call(service)).toMatchObject({ reason: "INVALID_REQUEST", delivery: "NOT_SENT" });
    await embedded.advance(60_000);
    expect(await watch).toMatchObject({ reason: "INVALID_REQUEST" });
  });

  test("closes only after a call that was made in the same instant", async () => {
    embedded = createEmbedded({ release: "3.0.0" });
    let closed = 0;
    const { client } = embedded.start();
    const service = embedded.start({ daxpay: { ...client, [Symbol.dispose]: () => closed++ } });
    embedded.daxpay.addRefund({ refundNo: "R1", state: "PROCESSING", latencyMs: 1_000 });
    const first = call(service);
    service.refunds.remove();
    await embedded.advance(500);
    expect(closed).toBe(0);
    await embedded.advance(2_000);
    expect(await first).toMatchObject({ refundNo: "R1" });
    expect(closed).toBe(1);
  });
});
