import { afterEach, expect, test } from "vitest";
import { REFUNDS } from "../../src/sandbox/refunds.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { ALL, ask, gist, isV3, start, type Started, V3 } from "./ask.ts";

let sandbox: Started;
afterEach(() => sandbox?.close());

const BUSY_2 = "10007 退款同步处理中，请勿重复操作";
const BUSY_3 = "10507 退款同步处理中，请勿重复操作";
const NOT_ENOUGH = "1 退款失败，可用余额不足";

/** What successive syncs say on 2.x and on 3.x. */
const ROWS: Readonly<Record<string, readonly [v2: string[], v3: string[]]>> = {
  DEVR24051020531763000004: [["0 pay_not_found", "0 pay_not_found"], ["0 fail", "0 fail"]],
  "R-SUCCEEDS": [["0 refund_success"], ["0 success"]],
  "R-WAITS-1": [["0 refund_progress", "0 refund_success"], ["0 progress", "0 success", "0 success"]],
  "R-WAITS-3": [
    ["0 refund_progress", "0 refund_progress", "0 refund_progress", "0 refund_success"],
    ["0 progress", "0 progress", "0 progress", "0 success"],
  ],
  "R-WAITS-FAILS": [["0 refund_progress", NOT_ENOUGH], ["0 progress", "0 fail"]],
  "R-WAITS-CLOSES": [["0 refund_progress", "0 close"], ["0 progress", "0 close"]],
  "R-FAILS": [[NOT_ENOUGH, NOT_ENOUGH], ["0 fail", "0 fail"]],
  "R-CLOSED": [["0 close"], ["0 close"]],
  "R-LOST": [["0 pay_not_found", "0 close", "0 close"], ["0 fail", "0 fail"]],
  "R-UNKNOWN": [["1 未查询到退款订单"], ["20041 未查询到退款订单"]],
  "no such number": [["1 未查询到退款订单"], ["20041 未查询到退款订单"]],
  "R-SOFT-FAILS": [
    ["0 refund_progress", "0 refund_progress", "0 refund_success"],
    ["0 fail", "0 fail", "0 success"],
  ],
  "R-NETWORK": [["0 refund_progress", "0 refund_progress"], ["0 fail", "0 fail"]],
  "R-CHANNEL-ERROR": [["1 系统繁忙，请稍后再试"], ["0 fail"]],
  "R-SPEECHLESS": [["1 null"], ["0 fail"]],
  "R-LOCKED-1": [[BUSY_2, "0 refund_success"], [BUSY_3, "0 success"]],
  "R-CHANNEL-MISSING": [["10010 支付宝配置不存在"], ["20023 支付宝配置不存在"]],
  "R-CHANNEL-OFF": [["1 支付宝支付未启用"], ["20021 支付宝支付未启用"]],
  "R-NULL-POINTER": [["10001 数据错误"], ["10500 数据错误"]],
  "R-CONTRADICTS": [["0 refund_success", NOT_ENOUGH], ["0 success", "0 fail"]],
  "R-REVIVES": [["0 close", "0 refund_success"], ["0 close", "0 success"]],
  "LOAD-1": [["0 refund_success", "0 refund_success"], ["0 success", "0 success"]],
  "WAIT2-a": [
    ["0 refund_progress", "0 refund_progress", "0 refund_success"],
    ["0 progress", "0 progress", "0 success"],
  ],
};

test.each(ALL)("%s tells every finding in its own words", async (release) => {
  sandbox = await start(release);
  for (const [refundNo, [v2, v3]] of Object.entries(ROWS)) {
    for (const wanted of isV3(release) ? v3 : v2) {
      expect([refundNo, await gist(sandbox, refundNo)]).toEqual([refundNo, wanted]);
    }
  }
});

test.each<[ReleaseName, string, string]>([
  ["documented", "28106 不支持的支付方式", "20000 该接口权限未开放"],
  ["2.0.7", "28106 不支持的支付方式", "20000 该接口权限未开放"],
  ["2.0.8", "1 不支持的能力", "20023 该接口权限未开放"],
  ["3.0.0-beta4", "20030 不支持的能力", "20023 商户应用未启用"],
  ["3.0.0", "20030 不支持的能力: union_pay", "20023 商户应用未启用"],
])("%s tells what is unsupported or switched off", async (release, unsupported, off) => {
  sandbox = await start(release);
  expect(await gist(sandbox, "R-UNSUPPORTED")).toBe(unsupported);
  expect(await gist(sandbox, "R-INTERFACE-OFF")).toBe(off);
});

test.each(V3)("%s asked of Alipay too early keeps the lock for 10 s", async (release) => {
  sandbox = await start(release);
  expect(await gist(sandbox, "R-YOUNG")).toBe("20080 间隔10秒以上再发起退款查询请求");
  sandbox.tick(9_999);
  expect(await gist(sandbox, "R-YOUNG")).toBe(BUSY_3);
  sandbox.tick(1);
  expect(await gist(sandbox, "R-YOUNG")).toBe("0 success");
});

test("a sync during another one is refused after two more tries, and only for the same refund", async () => {
  sandbox = await start("2.0.6", { latencyMs: 500 });
  const begun = performance.now();
  const first = gist(sandbox, "R-SUCCEEDS");
  await expect.poll(() => sandbox.requests.length).toBe(1);
  const [second, other, closed] = await Promise.all([
    gist(sandbox, { bizRefundNo: "B-SUCCEEDS" }).then((said) => [said, performance.now() - begun] as const),
    gist(sandbox, "LOAD-2"),
    gist(sandbox, "R-CLOSED"),
  ]);
  expect(second[0]).toBe(BUSY_2);
  expect(second[1]).toBeGreaterThan(190);
  expect(second[1]).toBeLessThan(480);
  expect([await first, other, closed]).toEqual(["0 refund_success", "0 refund_success", "0 close"]);
  expect(sandbox.maxConcurrent).toBe(4);
});

test("a second sync that waits gets the lock when the first one ends in time", async () => {
  sandbox = await start("3.0.0", { latencyMs: 80 });
  expect(await Promise.all([gist(sandbox, "R-SUCCEEDS"), gist(sandbox, "R-SUCCEEDS")])).toEqual([
    "0 success",
    "0 success",
  ]);
});

test("a lock older than 10 s holds nobody", async () => {
  sandbox = await start("3.0.0", { latencyMs: 300 });
  const first = gist(sandbox, "R-WAITS-1");
  await expect.poll(() => sandbox.requests.length).toBe(1);
  sandbox.tick(10_000);
  expect([await gist(sandbox, "R-WAITS-1"), await first]).toEqual(["0 success", "0 progress"]);
});

test("reset() lets every refund begin anew", async () => {
  sandbox = await start("2.0.8");
  expect(await gist(sandbox, "R-WAITS-1")).toBe("0 refund_progress");
  sandbox.setFault("http-500");
  sandbox.reset();
  expect(sandbox.requests).toEqual([]);
  expect(await gist(sandbox, "R-WAITS-1")).toBe("0 refund_progress");
});

test("requests are recorded as they came, with what became of them", async () => {
  sandbox = await start("2.0.6");
  await ask(sandbox, "R-FAILS");
  const [request] = sandbox.requests;
  expect(request).toMatchObject({ time: 1715576198_000, method: "POST", path: "/unipay/syncRefund" });
  expect(JSON.parse(request.body)).toEqual(request.members);
  expect(request.outcome).toEqual({
    httpStatus: 200,
    code: 1,
    text: "退款失败，可用余额不足",
    signed: true,
    word: undefined,
  });
});

test("REFUNDS holds each number once, short enough for every release", () => {
  const numbers = REFUNDS.flatMap(({ refundNo, bizRefundNo }) => [refundNo, bizRefundNo]);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const { refundNo } of REFUNDS) expect(refundNo.length).toBeLessThanOrEqual(32);
});

test("options that no DaxPay can have are refused", async () => {
  await expect(start("2.0.8", { signType: "SM3" })).rejects.toThrow(
    'Found sign type "SM3" for release "2.0.8", wanted one of HMAC_SHA256, MD5',
  );
  await expect(start("2.0.8", { secret: "" })).rejects.toThrow("Found an empty secret");
});
