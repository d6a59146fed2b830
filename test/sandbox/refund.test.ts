import { afterEach, expect, test } from "vitest";
import { REFUNDS } from "../../src/sandbox/refunds.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import {
  ALL,
  type Answer,
  createServer,
  isV3,
  send,
  type Server,
  type Started,
  startSandbox,
  sync,
  V3,
} from "./client.ts";

let sandbox: Started | undefined;
let server: Server | undefined;
afterEach(async () => {
  server?.close();
  await sandbox?.close();
});

type Expected = Partial<Answer>;
const ok = (status: string): Expected => ({ code: 0, status, signed: true });
const failure = (code: number, text: string | null, signed = true): Expected => ({ code, text, signed });

const BUSY_2 = failure(10007, "退款同步处理中，请勿重复操作", false);
const BUSY_3 = failure(10507, "退款同步处理中，请勿重复操作");
const NOT_ENOUGH = failure(1, "退款失败，可用余额不足");
const SILENT = failure(1, null);
const UNKNOWN_2 = failure(1, "未查询到退款订单");
const UNKNOWN_3 = failure(20041, "未查询到退款订单");

/** The answers to successive syncs, on 2.x and on 3.x. */
const ROWS: Readonly<Record<string, readonly [v2: Expected[], v3: Expected[]]>> = {
  DEVR24051020531763000004: [[ok("pay_not_found"), ok("pay_not_found")], [ok("fail"), ok("fail")]],
  "R-SUCCEEDS": [[ok("refund_success")], [ok("success")]],
  "R-WAITS-1": [[ok("refund_progress"), ok("refund_success")], [ok("progress"), ok("success"), ok("success")]],
  "R-WAITS-3": [
    [ok("refund_progress"), ok("refund_progress"), ok("refund_progress"), ok("refund_success")],
    [ok("progress"), ok("progress"), ok("progress"), ok("success")],
  ],
  "R-WAITS-FAILS": [[ok("refund_progress"), NOT_ENOUGH], [ok("progress"), ok("fail")]],
  "R-WAITS-CLOSES": [[ok("refund_progress"), SILENT], [ok("progress"), ok("close")]],
  "R-FAILS": [[NOT_ENOUGH, NOT_ENOUGH], [ok("fail"), ok("fail")]],
  "R-CLOSED": [[ok("close")], [ok("close")]],
  "R-LOST": [[ok("pay_not_found"), ok("close"), ok("close")], [ok("fail"), ok("fail")]],
  "R-ALIPAY-LOST": [[failure(1, "交易不存在")], [ok("fail")]],
  "R-UNKNOWN": [[UNKNOWN_2], [UNKNOWN_3]],
  "no such number": [[UNKNOWN_2], [UNKNOWN_3]],
  "R-ALIPAY-UNFINISHED": [[failure(1, "支付宝网关退款未成功")], [ok("fail"), ok("fail")]],
  "R-FAILED-THEN-PROCESSING": [
    [ok("refund_progress"), ok("refund_progress")],
    [ok("fail"), ok("fail"), ok("fail")],
  ],
  "R-SOFT-FAILS": [
    [ok("refund_progress"), ok("refund_progress"), ok("refund_success")],
    [ok("fail"), ok("fail"), ok("success")],
  ],
  "R-NETWORK": [[ok("refund_progress"), ok("refund_progress")], [ok("fail"), ok("fail")]],
  "R-ALIPAY-NETWORK": [[SILENT], [ok("fail")]],
  "R-CHANNEL-ERROR": [[failure(1, "系统繁忙，请稍后再试")], [ok("fail")]],
  "R-SPEECHLESS": [[SILENT], [ok("fail")]],
  "R-UNPARSABLE": [[SILENT], [failure(10500, "系统错误", false)]],
  "R-CHANNEL-MISSING": [
    [failure(10010, "支付宝配置不存在", false)],
    [failure(20023, "未找到指定的支付通道配置")],
  ],
  "R-NULL-POINTER": [[failure(10001, "数据错误", false)], [failure(10500, "数据错误", false), BUSY_3]],
  "R-CONTRADICTS": [[ok("refund_success"), SILENT], [ok("success"), ok("close")]],
  "R-REVIVES": [[SILENT, ok("refund_success")], [ok("close"), ok("success")]],
  "LOAD-1": [[ok("refund_success"), ok("refund_success")], [ok("success"), ok("success")]],
  "WAIT2-a": [
    [ok("refund_progress"), ok("refund_progress"), ok("refund_success")],
    [ok("progress"), ok("progress"), ok("success")],
  ],
};

test.each(ALL)("%s answers each named refund as it does", async (release) => {
  server = createServer(release);
  for (const [refundNo, [v2, v3]] of Object.entries(ROWS)) {
    const answers: Answer[] = [];
    const expected = isV3(release) ? v3 : v2;
    for (let i = 0; i < expected.length; i++) answers.push(await sync(server, refundNo));
    expect({ refundNo, answers }).toMatchObject({ refundNo, answers: expected });
  }
});

test.each<[ReleaseName, Record<string, Expected>]>([
  ["2.0.7", {
    "R-UNSUPPORTED": failure(28106, "不支持的支付方式", false),
    "R-CHANNEL-OFF": ok("refund_success"),
    "R-INTERFACE-OFF": failure(20000, "该接口权限未开放", false),
  }],
  ["2.0.8", {
    "R-UNSUPPORTED": failure(1, "不支持的能力"),
    "R-CHANNEL-OFF": ok("refund_success"),
    "R-INTERFACE-OFF": failure(20023, "该接口权限未开放", false),
  }],
  ["3.0.0-beta4", {
    "R-UNSUPPORTED": failure(20030, "不支持的能力"),
    "R-CHANNEL-OFF": failure(20021, "支付宝支付通道未启用"),
    "R-INTERFACE-OFF": failure(20023, "商户应用未启用", false),
  }],
  ["3.0.0", {
    "R-UNSUPPORTED": failure(20030, "不支持的能力: wallet_pay"),
    "R-CHANNEL-OFF": failure(20021, "微信支付通道未启用"),
    "R-INTERFACE-OFF": failure(20023, "商户应用未启用", false),
  }],
])("%s answers what is unsupported or switched off", async (release, expected) => {
  server = createServer(release);
  for (const [refundNo, answer] of Object.entries(expected)) {
    expect(await sync(server, refundNo)).toMatchObject(answer);
  }
});

test.each(V3)("%s leaves the lock of an Alipay refund behind in its first 10 s", async (release) => {
  server = createServer(release);
  expect(await sync(server, "R-YOUNG")).toMatchObject(failure(20080, "间隔10秒以上再发起退款查询请求"));
  server.tick(9_999);
  expect(await sync(server, "R-YOUNG")).toMatchObject(BUSY_3);
  server.tick(1);
  expect(await sync(server, "R-YOUNG")).toMatchObject(ok("success"));
});

test("a sync during another one fails after two retries, and only for the same refund", async () => {
  sandbox = await startSandbox("2.0.6", { latencyMs: 500 });
  const { requests } = sandbox;
  let ended = false;
  const first = sync(sandbox, "R-SUCCEEDS").finally(() => void (ended = true));
  await expect.poll(() => requests.length).toBe(1);
  const begun = performance.now();
  const [second, third, other, closed] = await Promise.all([
    sync(sandbox, { bizRefundNo: "B-SUCCEEDS" }),
    sync(sandbox, "R-SUCCEEDS").then(() => ({ ended, elapsed: performance.now() - begun })),
    sync(sandbox, "LOAD-2"),
    sync(sandbox, "R-CLOSED"),
  ]);
  expect(second).toMatchObject(BUSY_2);
  expect(third.ended).toBe(false);
  expect(third.elapsed).toBeGreaterThan(190);
  expect([await first, other, closed]).toMatchObject([ok("refund_success"), ok("refund_success"), ok("close")]);
  expect(sandbox.maxConcurrent).toBe(5);
});

test("a sync that waits gets the lock when the first one ends in time", async () => {
  server = createServer("3.0.0", { latencyMs: 80 });
  expect(await Promise.all([sync(server, "R-SUCCEEDS"), sync(server, "R-SUCCEEDS")])).toMatchObject([
    ok("success"),
    failure(10500, "系统错误", false),
  ]);
});

test("reset() lets every refund begin anew", async () => {
  server = createServer("2.0.8");
  expect(await sync(server, "R-WAITS-1")).toMatchObject(ok("refund_progress"));
  server.setFault("http-500");
  server.reset();
  expect(server.requests).toEqual([]);
  expect(await sync(server, "R-WAITS-1")).toMatchObject(ok("refund_progress"));
});

test("requests are recorded as received, with their outcome", async () => {
  server = createServer("2.0.6");
  await send(server, "R-FAILS");
  const [request] = server.requests;
  expect(request).toMatchObject({
    time: 1715576198_000,
    method: "POST",
    path: "/unipay/syncRefund",
    endpoint: "sync",
    outcome: { httpStatus: 200, code: 1, text: "退款失败，可用余额不足", signed: true },
  });
  expect(JSON.parse(request.body)).toEqual(request.members);
});

test("REFUNDS holds each number once, short enough for every release", () => {
  const numbers = REFUNDS.flatMap(({ refundNo, bizRefundNo }) => [refundNo, bizRefundNo]);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const { refundNo } of REFUNDS) expect(refundNo.length).toBeLessThanOrEqual(32);
});

test.each<[ReleaseName, object, string]>([
  ["2.0.8", { signType: "SM3" }, 'expected sign type of release "2.0.8" to be one of HMAC_SHA256, MD5, got "SM3"'],
  ["2.0.8", { secret: "" }, "expected secret to have at least one character, got an empty one"],
  ["2.0.6", { verifyFirst: true }, 'expected verifyFirst with release 2.0.7 or 2.0.8, got "2.0.6"'],
  ["2.0.7", { shippedTables: true }, 'expected shippedTables with release 2.0.8, got "2.0.7"'],
  [
    "3.0.0-beta4",
    { enforceRequestTime: true },
    'expected a request timeout with release 2.0.8, 3.0.0 or 4.0.0-beta, got "3',
  ],
])("createDaxPayServer() rejects for %s the options %j", (release, options, message) => {
  expect(() => createServer(release, options)).toThrow(message);
});
