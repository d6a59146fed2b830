import { describe, expect, test } from "vitest";
import { classifyDataCode, showsInternals } from "../../src/daxpay/code.ts";
import { DaxPayFailure } from "../../src/daxpay/failure.ts";
import { causeChain } from "../../src/util/cause-chain.ts";

describe("DaxPayFailure", () => {
  test("has its reason's delivery and delay, unless they are given", () => {
    expect(new DaxPayFailure("SYNC_IN_DOUBT", "m")).toMatchObject({ delivery: "IN_DOUBT", retryDelayMs: 5_000 });
    expect(new DaxPayFailure("CIRCUIT_OPEN", "m")).toMatchObject({ delivery: "NOT_SENT", retryDelayMs: 1_000 });
    expect(new DaxPayFailure("DEADLINE_EXCEEDED", "m")).toMatchObject({ delivery: "NOT_SENT", retryDelayMs: 1_000 });
    expect(new DaxPayFailure("REPLY_INTERRUPTED", "m", { delivery: "ANSWERED", retryDelayMs: 7 }))
      .toMatchObject({ delivery: "ANSWERED", retryDelayMs: 7 });
  });

  test("is retryable exactly where it has a delay", () => {
    expect(new DaxPayFailure("RATE_LIMITED", "m").retryable).toBe(true);
    expect(new DaxPayFailure("REPLY_UNVERIFIED", "m").retryable).toBe(false);
    expect(new DaxPayFailure("REPLY_UNVERIFIED", "m", { retryDelayMs: 0 }).retryable).toBe(true);
  });

  test("with() replaces what it is given and keeps the rest", () => {
    const cause = new Error("socket");
    const options = {
      daxpayCode: 1,
      daxpayMessage: "text",
      daxpayTraceId: "t",
      logDetail: "detail",
      retryDelayMs: 3,
      status: 500,
      throttled: true,
      cause,
    };
    const copy = new DaxPayFailure("UPSTREAM_ERROR", "m", options).with({ step: "QUERY", delivery: "NOT_SENT" });
    expect(copy).toMatchObject({
      ...options,
      reason: "UPSTREAM_ERROR",
      message: "m",
      step: "QUERY",
      delivery: "NOT_SENT",
    });
    expect(copy.with({ message: "other" })).toMatchObject({ message: "other", step: "QUERY", daxpayCode: 1 });
  });
});

describe("showsInternals()", () => {
  test.each([
    [10001, "系统错误", false],
    [10001, "支付单不存在", false],
    [10001, "Expected one result (or null) to be returned by selectOne()", true],
    [10500, "数据错误", false],
    [10505, "JSON parse error: raw timestamp", true],
    [20030, "不支持的能力: union_pay", false],
    [1, "com.alipay.api.AlipayApiException: timeout", true],
    [1, "交易不存在", false],
    [1, "FREQUENCY_LIMITED", false],
    [20041, "boom\n\tat cn.daxpay.single.Sync", true],
    [20041, "### SQL: INSERT INTO pay_sync_record", true],
  ])("of %s %j is %s", (code, text, expected) => expect(showsInternals(code, text)).toBe(expected));
});

describe("classifyDataCode()", () => {
  test.each([
    ["该接口权限未开放", "NOT_CONFIGURED"],
    ["不存在的支付通道", "NOT_CONFIGURED"],
    ["退款订单不存在", "REFUND_NOT_FOUND"],
    // Only whole texts count.
    ["退款订单不存在 ", "CHANNEL_FAILED"],
    ["", "CHANNEL_FAILED"],
  ])("of 1 %j is %s", (text, reason) => expect(classifyDataCode(1, text)).toMatchObject({ reason }));
});

describe("causeChain()", () => {
  test("lists errors and their causes, outermost first, other values too", () => {
    const inner = new Error("inner", { cause: "text" });
    const outer = new Error("outer", { cause: inner });
    expect(causeChain(outer)).toEqual([outer, inner, "text"]);
    expect(causeChain(undefined)).toEqual([]);
    expect(causeChain(null)).toEqual([]);
  });

  test("ends where a cause leads back to its own error", () => {
    const error = new Error("loop");
    error.cause = error;
    expect(causeChain(error)).toHaveLength(8);
  });
});
