import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { NewRefund } from "../../src/sandbox/rows.ts";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { createServer, query, sync, V3 } from "./client.ts";

const REAL_V2 = ["2.0.6", "2.0.7", "2.0.8"] as const;
const ROLLED_BACK = { code: 10500, text: "系统错误", signed: false };

beforeEach(() => void vi.useFakeTimers({ now: 1715576198_000 }));
afterEach(() => void vi.useRealTimers());

/** A server on vitest's clock with one refund of 1000 fen, R1, whose order has a balance of 5000. */
function createLedger(release: ReleaseName, refund: Partial<NewRefund> = {}, options: ServerOptions = {}) {
  const server = createServer(release, { now: () => Date.now(), ...options });
  server.addRefund({ refundNo: "R1", ...refund });
  return server;
}

/** Syncs R1 once for each state of the channel. */
async function syncs(server: ReturnType<typeof createLedger>, ...states: NonNullable<NewRefund["state"]>[]) {
  const statuses: unknown[] = [];
  for (const state of states) {
    if (typeof state === "string") server.setChannel("R1", { state });
    const { status, code, text } = await sync(server, "R1");
    statuses.push(status ?? `${code} ${text}`);
  }
  return statuses;
}

describe.each(V3)("%s", (release) => {
  test("credits a closed refund again at every sync", async () => {
    const server = createLedger(release, { status: "close" });
    const statuses = await syncs(server, "CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED", "CLOSED");
    expect(statuses).toEqual(Array(6).fill("close"));
    expect(server.refund("R1")).toMatchObject({ status: "close", refundableBalance: 11_000, credits: 6, syncs: 6 });
  });

  test.each<
    [state: NewRefund["state"] & string, channel: string, from: NewRefund["status"], to: string, credits: number]
  >([
    ["SUCCESS", "wechat_pay", "progress", "success", 0],
    ["PROCESSING", "wechat_pay", "progress", "progress", 0],
    ["CLOSED", "wechat_pay", "progress", "close", 1],
    ["CHANGE", "wechat_pay", "progress", "close", 1],
    ["NOT_EXIST", "wechat_pay", "progress", "fail", 0],
    ["ERROR", "wechat_pay", "progress", "fail", 0],
    ["NETWORK_ERROR", "wechat_pay", "progress", "fail", 0],
    ["PROCESSING", "ali_pay", "progress", "fail", 0],
    ["NETWORK_ERROR", "ali_pay", "progress", "fail", 0],
    ["CLOSED", "wechat_pay", "success", "close", 1],
    ["ERROR", "ali_pay", "success", "success", 0],
    ["PROCESSING", "wechat_pay", "success", "success", 0],
    ["PROCESSING", "wechat_pay", "fail", "fail", 0],
    ["SUCCESS", "wechat_pay", "fail", "success", 0],
    ["CLOSED", "wechat_pay", "fail", "close", 1],
    ["SUCCESS", "ali_pay", "close", "success", 0],
    ["ERROR", "ali_pay", "close", "fail", 0],
    ["PROCESSING", "wechat_pay", "close", "close", 0],
  ])("%s at %s turns %s into %s, with %i credits", async (state, channel, from, to, credits) => {
    const server = createLedger(release, { channel, status: from });
    expect(await syncs(server, state)).toEqual([to]);
    expect(server.refund("R1")).toMatchObject({ status: to, credits, refundableBalance: 5_000 + credits * 1_000 });
  });

  test("credits a refund twice that failed between two closings", async () => {
    const server = createLedger(release);
    expect(await syncs(server, "CLOSED", "NETWORK_ERROR", "CLOSED")).toEqual(["close", "fail", "close"]);
    expect(server.refund("R1")).toMatchObject({ refundableBalance: 7_000, credits: 2 });
  });

  test("changes nothing where the channel's answer cannot be parsed", async () => {
    const server = createLedger(release);
    expect(await syncs(server, "UNPARSABLE")).toEqual(["10500 系统错误"]);
    expect(server.refund("R1")).toMatchObject({ status: "progress", refundableBalance: 5_000 });
  });

  test("finds another application's refund by refundNo only", async () => {
    const server = createLedger(release, { appId: "A2", bizRefundNo: "B1" });
    expect(await sync(server, { bizRefundNo: "B1" })).toMatchObject({ code: 20041 });
    expect(await sync(server, { refundNo: "R1" })).toMatchObject({ status: "success" });
  });
});

test("3.0.0 finds no refund of another merchant", async () => {
  const server = createLedger("3.0.0", { mchNo: "M2" });
  expect(await sync(server, "R1")).toMatchObject({ code: 20041 });
  expect(await query(server, "R1")).toMatchObject({ code: 20041 });
});

describe.each(REAL_V2)("%s", (release) => {
  test.each(["progress", "success", "fail"] as const)(
    "closes a refund in %s that WeChat does not know",
    async (status) => {
      const server = createLedger(release, { status });
      expect(await syncs(server, "NOT_EXIST", "NOT_EXIST")).toEqual(["pay_not_found", "close"]);
      expect(server.refund("R1")).toMatchObject({ status: "close", refundableBalance: 6_000, credits: 1 });
    },
  );

  test.each<[state: NewRefund["state"] & string, channel: string, answer: string]>([
    ["CLOSED", "wechat_pay", "1 null"],
    ["CHANGE", "wechat_pay", "1 null"],
    ["PROCESSING", "wechat_pay", "refund_progress"],
    ["NETWORK_ERROR", "wechat_pay", "refund_progress"],
    ["UNPARSABLE", "wechat_pay", "1 null"],
    ["PROCESSING", "ali_pay", "1 支付宝网关退款未成功"],
    ["NOT_EXIST", "ali_pay", "1 交易不存在"],
    ["NETWORK_ERROR", "ali_pay", "1 null"],
    ["UNPARSABLE", "ali_pay", "10001 expected value at column 1"],
  ])("%s at %s is answered %s and changes nothing", async (state, channel, answer) => {
    const server = createLedger(release, { channel });
    expect(await syncs(server, state)).toEqual([answer]);
    expect(server.refund("R1")).toMatchObject({ status: "progress", refundableBalance: 5_000, credits: 0 });
  });
});

test.each(["NOT_EXIST", "NETWORK_ERROR"] as const)("2.0.8 with its shipped tables fails at %s", async (state) => {
  const server = createLedger("2.0.8", {}, { shippedTables: true });
  server.setChannel("R1", { state });
  const { code, text, signed } = await sync(server, "R1");
  expect({ code, signed }).toEqual({ code: 10001, signed: false });
  expect(text).toMatch(/doesn't have a default value/);
  expect(server.refund("R1")).toMatchObject({ status: "progress", refundableBalance: 5_000 });
});

describe("two syncs whose lock expired in between", () => {
  /** Sends a sync at 0 and at 11 s to a channel that takes 13 s. */
  async function overlap(release: ReleaseName, state: "SUCCESS" | "CLOSED") {
    const server = createLedger(release, { state, latencyMs: 13_000 });
    const first = sync(server, "R1");
    await vi.advanceTimersByTimeAsync(11_000);
    const second = sync(server, "R1");
    await vi.advanceTimersByTimeAsync(13_000);
    return { answers: await Promise.all([first, second]), refund: server.refund("R1") };
  }

  test.each(["SUCCESS", "CLOSED"] as const)("3.0.0 rolls the later one back at %s", async (state) => {
    const { answers, refund } = await overlap("3.0.0", state);
    const status = state === "SUCCESS" ? "success" : "close";
    expect(answers).toMatchObject([{ status }, ROLLED_BACK]);
    expect(refund).toMatchObject({ status, credits: state === "CLOSED" ? 1 : 0 });
  });

  test("beta4 credits the amount twice", async () => {
    const { answers, refund } = await overlap("3.0.0-beta4", "CLOSED");
    expect(answers).toMatchObject([{ status: "close" }, { status: "close" }]);
    expect(refund).toMatchObject({ status: "close", refundableBalance: 7_000, credits: 2 });
  });
});

test("a sync waits 0.2 s for a lock, which a sync in the same 10 s holds", async () => {
  const server = createLedger("3.0.0", { latencyMs: 5_000 });
  const first = sync(server, "R1");
  await vi.advanceTimersByTimeAsync(1_000);
  const second = sync(server, "R1");
  await vi.advanceTimersByTimeAsync(200);
  expect(await second).toMatchObject({ code: 10507 });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(await first).toMatchObject({ status: "success" });
});

test.each(V3)("%s releases the lock before it commits", async (release) => {
  const server = createLedger(release, { state: "CLOSED" }, { commitMs: 100 });
  const first = sync(server, "R1");
  await vi.advanceTimersByTimeAsync(50);
  const second = sync(server, "R1");
  await vi.advanceTimersByTimeAsync(500);
  expect(await first).toMatchObject({ status: "close" });
  expect(await second).toMatchObject(release === "3.0.0" ? ROLLED_BACK : { status: "close" });
  // beta4's second write also finds the order changed, and is lost without an error.
  expect(server.refund("R1")).toMatchObject({ refundableBalance: 6_000, credits: 1 });
});

test.each(
  [
    ["3.0.0-beta4", { credits: 2 }, { status: "close" }],
    ["3.0.0", { credits: 1 }, ROLLED_BACK],
  ] as const,
)("%s with a callback during a sync", async (release, refund, answer) => {
  const server = createLedger(release, { state: "CLOSED", latencyMs: 1_000 });
  const running = sync(server, "R1");
  await vi.advanceTimersByTimeAsync(500);
  expect(server.callback("R1", "close")).toBe("applied");
  await vi.advanceTimersByTimeAsync(500);
  expect(await running).toMatchObject(answer);
  expect(server.refund("R1")).toMatchObject({ status: "close", ...refund });
});

test("refunds of one order share its balance", async () => {
  const server = createLedger("3.0.0", { orderNo: "P1", state: "CLOSED", refundableBalance: 3_000 });
  server.addRefund({ refundNo: "R2", orderNo: "P1", state: "CLOSED", amount: 2_000 });
  await sync(server, "R1");
  await sync(server, "R2");
  expect(server.refunds()).toMatchObject([
    { refundNo: "R1", refundableBalance: 6_000, credits: 1 },
    { refundNo: "R2", refundableBalance: 6_000, credits: 1 },
  ]);
});

describe("DaxPay's own actors", () => {
  const MINUTES = 60_000;

  test("beta4's job syncs every refund in progress each minute", async () => {
    const server = createLedger("3.0.0-beta4", { state: "CLOSED" });
    server.addRefund({ refundNo: "R2", status: "close", state: "CLOSED" });
    expect(await server.runJob()).toBe(1);
    expect(await server.runJob()).toBe(0);
    expect(server.refund("R1")).toMatchObject({ status: "close", syncs: 1, credits: 1 });
    expect(server.refund("R2")).toMatchObject({ syncs: 0 });
  });

  test("3.0.0's jobs choose refunds by age", async () => {
    const server = createLedger("3.0.0", { requestedAt: Date.now(), state: "PROCESSING" });
    const synced: Record<string, number> = {};
    for (const minutes of [0, 1, 10, 60, 24 * 60]) {
      vi.setSystemTime(1715576198_000 + minutes * MINUTES);
      for (const job of ["minute", "ten-minutes", "hour", "day"] as const) {
        if (await server.runJob(job)) synced[job] = minutes;
      }
    }
    expect(synced).toEqual({ minute: 1, "ten-minutes": 10, hour: 60, day: 24 * 60 });
  });

  test.each([["success", "success", 0], ["fail", "close", 1], ["close", "close", 1]] as const)(
    "a callback of %s turns a refund in progress into %s, any other stays",
    (status, expected, credits) => {
      const server = createLedger("3.0.0");
      expect([server.callback("R1", status), server.callback("R1", status)]).toEqual(["applied", "ignored"]);
      expect(server.refund("R1")).toMatchObject({ status: expected, credits });
      expect(server.callback("R0", status)).toBe("not-found");
    },
  );

  test("the console syncs final refunds too", async () => {
    const server = createLedger("3.0.0", { status: "success", state: "CLOSED" });
    expect(await server.syncInConsole("R1")).toBe("applied");
    expect(await server.syncInConsole("R0")).toBe("not-found");
    server.setChannel("R1", { state: "UNPARSABLE" });
    expect(await server.syncInConsole("R1")).toBe("ignored");
    expect(server.refund("R1")).toMatchObject({ status: "close", refundableBalance: 6_000, credits: 1 });
  });

  test("the console closes failed refunds only", async () => {
    const server = createLedger("3.0.0");
    expect(server.closeRefund("R1")).toBe("ignored");
    await syncs(server, "NETWORK_ERROR");
    expect(server.closeRefund("R1")).toBe("applied");
    expect(server.refund("R1")).toMatchObject({ status: "close", refundableBalance: 6_000, credits: 1 });
  });
});

test("an order without a row fails the sync that would change it", async () => {
  const server = createLedger("2.0.7", { orderMissing: true });
  expect(await syncs(server, "PROCESSING", "SUCCESS")).toEqual(["refund_progress", "10001 支付单不存在"]);
  expect(server.refund("R1")).toMatchObject({ status: "progress", refundableBalance: null });
});

test.each<[NewRefund, string]>([
  [{ refundNo: "R1" }, 'expected a refundNo that is not in use, got "R1"'],
  [{ refundNo: "R-SUCCEEDS" }, 'expected a refundNo that is not in use, got "R-SUCCEEDS"'],
  [{ refundNo: "R2", state: [] }, "expected at least one state, got none"],
  [{ refundNo: "R2", orderNo: "P-R1", refundableBalance: 1 }, 'expected order "P-R1" as it is'],
])("addRefund() rejects %j", (refund, message) => {
  expect(() => createLedger("3.0.0").addRefund(refund)).toThrow(message);
});
