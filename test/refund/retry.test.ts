import { afterEach, describe, expect, test, vi } from "vitest";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import type { DaxPayServer } from "../../src/sandbox/server.ts";
import { createEmbedded, type Embedded } from "../support/embedded.ts";

let embedded: Embedded;
afterEach(() => embedded[Symbol.dispose]());

/** The domain in front of an embedded DaxPay; without jitter. */
function start(release: ReleaseName = "2.0.6") {
  embedded = createEmbedded({ release, timeoutMs: 5_000 });
  const startedAt = Date.now();
  const { refunds, events } = embedded.start();
  const { daxpay } = embedded;
  return {
    daxpay,
    events,
    /** Calls, and returns the state or the failure once the given time has passed. */
    async sync({ timeoutMs = 60_000, passMs = 60_000, nonceStr = "" } = {}) {
      const request = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr };
      const outcome = refunds.sync(request, { signal: new AbortController().signal, timeoutMs }).catch((error) =>
        error
      );
      await embedded.advance(passMs);
      return await outcome;
    },
    /** When requests arrived at DaxPay, in milliseconds since the start. */
    times: () => daxpay.requests.map(({ time }) => time - startedAt),
    endpoints: () => daxpay.requests.map(({ endpoint }) => endpoint),
  };
}

const LOCKED = { code: 10007, text: "重复操作" };

describe("syncWithRetry() retries", () => {
  test("a held lock with doubling delays, each time with another nonce than the caller's", async () => {
    const { daxpay, sync, times, events } = start("documented");
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("unknown-code", { ...LOCKED, times: 3 });
    expect(await sync({ nonceStr: "given" })).toMatchObject({ status: "SUCCEEDED" });
    expect(times()).toEqual([0, 1_000, 3_000, 7_000]);
    const nonces = daxpay.requests.map(({ members }) => members?.nonceStr);
    expect(nonces[0]).toBe("given");
    expect(new Set(nonces).size).toBe(4);
    const retries = events.filter(({ type }) => type === "retry");
    expect(retries).toMatchObject([1_000, 2_000, 4_000].map((delayMs) => ({ delayMs })));
  });

  test("a held lock five times", async () => {
    const { daxpay, sync, times } = start();
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault("unknown-code", LOCKED);
    expect(await sync()).toMatchObject({ reason: "SYNC_IN_PROGRESS", delivery: "ANSWERED", retryDelayMs: 1_000 });
    expect(times()).toEqual([0, 1_000, 3_000, 7_000, 15_000, 31_000]);
  });

  test("a sync that could not be sent three times", async () => {
    const { daxpay, sync, events } = start();
    daxpay.setFault("connect-reset");
    expect(await sync()).toMatchObject({ reason: "UPSTREAM_UNREACHABLE", delivery: "NOT_SENT", step: "SYNC" });
    expect(events.filter(({ type }) => type === "retry")).toHaveLength(3);
  });

  test("nothing beyond the caller's deadline: the failure comes at once", async () => {
    const { daxpay, sync, times } = start();
    daxpay.setFault("unknown-code", LOCKED);
    daxpay.addRefund({ refundNo: "R1" });
    expect(await sync({ timeoutMs: 2_500, passMs: 1_000 })).toMatchObject({ reason: "SYNC_IN_PROGRESS" });
    expect(times()).toEqual([0, 1_000]);
  });

  test("nothing once the last caller has left", async () => {
    const { daxpay, times } = start();
    daxpay.setFault("unknown-code", LOCKED);
    daxpay.addRefund({ refundNo: "R1" });
    const timers = vi.getTimerCount();
    const gone = new AbortController();
    const { refunds } = embedded.start();
    const request = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };
    const call = refunds.sync(request, { signal: gone.signal, timeoutMs: 60_000 }).catch((error) => error);
    await embedded.advance(500);
    gone.abort("gone");
    expect(await call).toBe("gone");
    await embedded.advance(10_000);
    expect(times()).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(timers);
  });

  test.each(
    [
      ["hang", "UPSTREAM_TIMEOUT", 3],
      ["reset", "REPLY_INTERRUPTED", 3],
      ["unknown-code", "UPSTREAM_ERROR", 1],
      ["http-500", "UPSTREAM_ERROR", 1],
      ["wrong-sign", "REPLY_UNVERIFIED", 1],
    ] as const,
  )("a query that ends with %s → %s up to %d attempts, and sends no sync", async (fault, reason, attempts) => {
    const { daxpay, sync, endpoints } = start("2.0.8");
    daxpay.addRefund({ refundNo: "R1" });
    daxpay.setFault(fault, { endpoint: "query", ...fault === "unknown-code" ? { code: 10001, text: "系统错误" } : {} });
    expect(await sync()).toMatchObject({ reason, delivery: "NOT_SENT", step: "QUERY" });
    expect(endpoints()).toEqual(Array(attempts).fill("query"));
  });
});

describe("syncWithRetry() sends one sync", () => {
  const answeredWith = (code: number, text: string) => (daxpay: DaxPayServer) =>
    daxpay.setFault("unknown-code", { code, text });
  const CASES: readonly (readonly [reason: string, arrange: (daxpay: DaxPayServer) => void])[] = [
    ["REFUND_NOT_FOUND", (daxpay) => daxpay.setFault("string-code")],
    ["CHANNEL_FAILED", (daxpay) => daxpay.setChannel("R1", { state: "ERROR" })],
    ["INVALID_REQUEST", answeredWith(10005, "x")],
    ["CLOCK_SKEW", answeredWith(10006, "请求已过期，请重新发送！")],
    ["SIGNATURE_REJECTED", answeredWith(20052, "x")],
    ["NOT_CONFIGURED", answeredWith(20011, "x")],
    ["UPSTREAM_ERROR", answeredWith(10001, "系统错误")],
    ["UPSTREAM_ERROR", (daxpay) => daxpay.setFault("http-500")],
    ["UPSTREAM_TIMEOUT", (daxpay) => daxpay.setFault("hang")],
    ["REPLY_INTERRUPTED", (daxpay) => daxpay.setFault("reset")],
    ["REPLY_INTERRUPTED", (daxpay) => daxpay.setFault("cut")],
    ["REPLY_MALFORMED", (daxpay) => daxpay.setFault("not-json")],
    ["REPLY_UNVERIFIED", (daxpay) => daxpay.setFault("wrong-sign")],
    ["REPLY_MISMATCHED", (daxpay) => daxpay.setFault("stale")],
    ["UNKNOWN_DAXPAY_CODE", answeredWith(47011, "x")],
  ];
  test.each(CASES)("when it fails with %s", async (reason, arrange) => {
    const { daxpay, sync } = start();
    daxpay.addRefund({ refundNo: "R1" });
    arrange(daxpay);
    expect(await sync()).toMatchObject({ reason, step: "SYNC" });
    expect(daxpay.requests).toHaveLength(1);
  });
});

describe("syncWithRetry() pauses all requests", () => {
  test.each([
    ["HTTP 429, for as long as it asks", (daxpay: DaxPayServer) => daxpay.setFault("http-429", { times: 1 }), 7_000],
    [
      "HTTP 429, for at most 10 s",
      (daxpay: DaxPayServer) => daxpay.setFault("http-429", { times: 1, retryAfterSeconds: 3_600 }),
      10_000,
    ],
    [
      "a channel's limit, for at most 10 s",
      (daxpay: DaxPayServer) => daxpay.setFault("hostile-text", { times: 1, text: "频率超限" }),
      10_000,
    ],
  ])("after %s", async (_what, arrange, pauseMs) => {
    const { daxpay, sync, times, events } = start();
    daxpay.addRefund({ refundNo: "R1" });
    arrange(daxpay);
    await sync({ passMs: 0 });
    expect(events).toContainEqual({ type: "throttled", ms: pauseMs });
    expect(await sync()).toMatchObject({ status: "SUCCEEDED" });
    expect(times()).toEqual([0, pauseMs]);
  });
});
