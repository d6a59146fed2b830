import { describe, expect, test } from "vitest";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import {
  ALL,
  type Answer,
  answerOf,
  createServer,
  type DigestRelease,
  isV3,
  type Members,
  pathOf,
  post,
  type Server,
  signed,
  TRACE,
  unsignedRequest,
} from "./client.ts";

type Expected = Partial<Answer>;
type Row = { readonly [Release in DigestRelease]: Expected };

const S = (code: number, text: string): Expected => ({ code, text, signed: true });
const U = (code: number, text: unknown): Expected => ({ code, text: text as string, signed: false });
const PASSED: Expected = { code: 0, signed: true };

const TIME = "验证参数错误\n请求时间必填\n";
const FUTURE = "验证参数错误\n请求时间晚于服务器接收到的时间，请检查";
const STALE = "验证参数错误\n请求已过期，请重新发送！";
const LONG = "验证参数错误\n退款号不可超过100位\n";
const IP = "验证参数错误\nIP地址不合法！\n";
const LONG_IP = "验证参数错误\n客户端ip不可超过64位\nIP地址不合法！\n";
const OLD_SIGN = U(20000, "未通过签名验证");

/** Answers of documented, 2.0.6 and 2.0.7 (alike), of 2.0.8, beta4 and 3.0.0. */
function row(early: Expected, v208: Expected, beta4: Expected, v300: Expected): Row {
  return { documented: early, "2.0.6": early, "2.0.7": early, "2.0.8": v208, "3.0.0-beta4": beta4, "3.0.0": v300 };
}

const same = (v2: Expected, v3: Expected) => row(v2, v2, v3, v3);
const sized = (text: string) => row(PASSED, U(10006, text), S(10506, text), U(10506, text));

interface Case {
  /** Changes the request before it is signed. */
  readonly before?: (release: ReleaseName) => Members | undefined;
  /** Changes it afterwards. */
  readonly after?: Members;
  readonly expected: Row;
}

const SIGN = row(OLD_SIGN, U(20052, "验签失败"), S(20052, "验签失败"), U(20052, "验签失败"));
const NO_TIME = row(U(10006, TIME), U(10006, TIME), S(10506, TIME), U(10506, TIME));
const JSON_ERROR = expect.stringMatching(/^JSON parse error: /);
const MALFORMED = same(U(10005, JSON_ERROR), U(10505, JSON_ERROR));

/** Seconds from the server's clock as the release writes them. */
const at = (release: ReleaseName, seconds: number, text: string): Members => ({
  reqTime: isV3(release) ? text : 1715576198 + seconds,
});

const CASES: Readonly<Record<string, Case>> = {
  "wrong sign": { after: { sign: "0".repeat(64) }, expected: SIGN },
  "sign missing": { after: { sign: null }, expected: SIGN },
  "sign empty": { after: { sign: "" }, expected: SIGN },
  "time missing": { before: () => ({ reqTime: null }), expected: NO_TIME },
  "time empty": { before: () => ({ reqTime: null }), after: { reqTime: "" }, expected: NO_TIME },
  "time malformed": { after: { reqTime: "abc" }, expected: MALFORMED },
  "time of the other generation": {
    before: (release) => ({ reqTime: isV3(release) ? 1715576198 : "2025-08-26 12:00:00" }),
    expected: MALFORMED,
  },
  "time as text": { before: (r) => isV3(r) ? undefined : { reqTime: "1715576198" }, expected: same(PASSED, PASSED) },
  "time in milliseconds": {
    before: (r) => isV3(r) ? undefined : { reqTime: 1715576198_000 },
    expected: row(PASSED, U(10006, FUTURE), PASSED, PASSED),
  },
  "time 10 s old": { before: (r) => at(r, -10, "2025-08-26 11:59:51"), expected: same(PASSED, PASSED) },
  "time 11 s old": {
    before: (r) => at(r, -11, "2025-08-26 11:59:50"),
    expected: row(PASSED, U(10006, STALE), PASSED, PASSED),
  },
  "time 60 s ahead": { before: (r) => at(r, 60, "2025-08-26 12:01:01"), expected: same(PASSED, PASSED) },
  "time 61 s ahead": {
    before: (r) => at(r, 61, "2025-08-26 12:01:02"),
    expected: row(PASSED, U(10006, FUTURE), PASSED, PASSED),
  },
  "refundNo of 101": {
    before: () => ({ refundNo: "x".repeat(101) }),
    expected: { ...sized(LONG), ...even(S(1, "未查询到退款订单")) },
  },
  "no IP address": { before: () => ({ clientIp: "localhost" }), expected: sized(IP) },
  "clientIp of 65": { before: () => ({ clientIp: "1".repeat(65) }), expected: sized(LONG_IP) },
  "blank clientIp is signed": { before: () => ({ clientIp: "" }), expected: same(PASSED, PASSED) },
  "IPv6": { before: () => ({ clientIp: "2001:db8::1" }), expected: same(PASSED, PASSED) },
  "nonce": {
    before: () => ({ nonceStr: "d112892e382a7093" }),
    expected: { ...same(PASSED, PASSED), "2.0.6": OLD_SIGN, "2.0.7": OLD_SIGN },
  },
  "nonce sent but not signed": {
    after: { nonceStr: "d112892e382a7093" },
    expected: { ...SIGN, "2.0.6": PASSED, "2.0.7": PASSED },
  },
  "appId missing": {
    before: (r) => isV3(r) ? { appId: null } : undefined,
    expected: row(PASSED, PASSED, U(10500, "系统错误"), U(10506, "验证参数错误\n应用号不可为空\n")),
  },
  "appId empty": {
    before: (r) => isV3(r) ? { appId: "" } : undefined,
    expected: row(PASSED, PASSED, U(20023, "未找到指定的应用配置"), U(10506, "验证参数错误\n应用号不可为空\n")),
  },
  "appId unknown, wrongly signed": {
    after: { appId: "M0", sign: "x" },
    expected: row(
      OLD_SIGN,
      U(20052, "验签失败"),
      U(20023, "未找到指定的应用配置"),
      U(20023, "未找到指定的应用配置"),
    ),
  },
  "mchNo sent and signed": { before: () => ({ mchNo: "M1745845174843" }), expected: { ...SIGN, "3.0.0": PASSED } },
  "mchNo unknown": {
    before: (r) => r === "3.0.0" ? { mchNo: "M0" } : undefined,
    expected: { ...same(PASSED, PASSED), "3.0.0": U(20023, "未找到指定的商户配置") },
  },
  "appId and mchNo missing": {
    before: (r) => r === "3.0.0" ? { appId: null, mchNo: null } : undefined,
    expected: { ...same(PASSED, PASSED), "3.0.0": U(10506, "验证参数错误\n商户号不可为空\n应用号不可为空\n") },
  },
  "neither number": {
    before: () => ({ refundNo: null }),
    expected: same(S(1, "未查询到退款订单"), S(20041, "未查询到退款订单")),
  },
  "both numbers: refundNo decides": { before: () => ({ bizRefundNo: "B-FAILS" }), expected: same(PASSED, PASSED) },
  "blank refundNo": {
    before: () => ({ refundNo: " ", bizRefundNo: "B-SUCCEEDS" }),
    expected: same(PASSED, PASSED),
  },
  "too long and without a time, wrongly signed": {
    before: () => ({ refundNo: "x".repeat(101), reqTime: null }),
    after: { sign: "x" },
    expected: row(
      U(10006, TIME),
      U(10006, `${TIME}退款号不可超过100位\n`),
      S(20052, "验签失败"),
      U(10506, `${TIME}退款号不可超过100位\n`),
    ),
  },
};

function even(expected: Expected): Pick<Row, "documented" | "2.0.6" | "2.0.7"> {
  return { documented: expected, "2.0.6": expected, "2.0.7": expected };
}

const servers = new Map(ALL.map((release) => [release, createServer(release)]));
const serverOf = (release: DigestRelease) => servers.get(release) as Server;

/** Sends a signed request that was changed afterwards. */
async function exchange(server: Server, members: Members, after: Members = {}, path = pathOf(server.release)) {
  const { release } = server;
  const request = signed(release, unsignedRequest(release, { refundNo: "R-SUCCEEDS", ...members }));
  return await (await post(server, path, JSON.stringify({ ...request, ...after }))).text();
}

describe.each(ALL)("%s rejects a request", (release) => {
  test.each(Object.entries(CASES))("%s", async (_, { before, after, expected }) => {
    const reply = await exchange(serverOf(release), before?.(release) ?? {}, after);
    expect(answerOf(reply)).toMatchObject(expected[release]);
  });

  const unreadable = isV3(release) ? 10505 : 10005;
  test.each([
    ["text/plain", "{}", isV3(release) ? 10500 : 10001, "系统错误"],
    ["application/json; charset=utf-8", "{", unreadable, JSON_ERROR],
    ["application/json", "", unreadable, expect.stringMatching(/^Required request body is missing: public /)],
    ["application/json", "null", unreadable, expect.stringMatching(/^Required request body is missing: public /)],
    ["application/json", "[]", unreadable, JSON_ERROR],
    ["application/json", '{"refundNo":{}}', unreadable, JSON_ERROR],
  ])("content type %s, body %s", async (contentType, body, code, text) => {
    const reply = await post(serverOf(release), pathOf(release), body, { "content-type": contentType });
    expect(answerOf(await reply.text())).toMatchObject({ code, text, signed: false });
  });

  test("method GET", async () => {
    const reply = await serverOf(release).fetch(new Request(`http://daxpay${pathOf(release)}`));
    expect(await reply.text()).toBe('{"msg":"不支持GET请求方法，支持以下POST","code":1,"data":null}');
  });

  test("of a client that does not accept JSON", async () => {
    const reply = await post(serverOf(release), pathOf(release), "{}", { accept: "application/xml" });
    expect({ status: reply.status, body: await reply.text() }).toEqual({ status: 406, body: "" });
  });
});

const NOT_SERVED = (path: string) =>
  `{"timestamp":"2024-05-13T04:56:38.000+00:00","status":500,"error":"Internal Server Error","path":"${path}"}`;
const PLATFORM = (msg: string, code: number) => JSON.stringify({ msg, code, data: null, traceId: TRACE });

test.each<[ReleaseName, ServerOptions, string, number, string]>([
  ["2.0.6", {}, "/unipay/sync/refund", 500, NOT_SERVED("/unipay/sync/refund")],
  ["2.0.8", {}, "/unipay/syncRefund", 500, NOT_SERVED("/unipay/syncRefund")],
  ["2.0.8", {}, "/error", 500, '{"timestamp":"2024-05-13T04:56:38.000+00:00","status":999,"error":"None"}'],
  ["3.0.0-beta4", {}, "/unipay/sync/pay", 200, PLATFORM("未登录或不拥有改请求路径的请求权限", 1)],
  ["3.0.0-beta4", { profile: "dev" }, "/unipay/sync/pay", 200, PLATFORM("页面或资源不存在", 10404)],
  ["3.0.0", {}, "/unipay/sync/pay", 401, PLATFORM("用户未登录", 10401)],
  ["3.0.0", {}, "/unipay/sync/order/refund/", 401, PLATFORM("用户未登录", 10401)],
  ["3.0.0", {}, "/favicon.ico", 404, PLATFORM("页面或资源不存在", 10404)],
  ["2.0.7", {}, "/unipay/sync/pay", 200, PLATFORM("未通过签名验证", 20000)],
  ["2.0.8", {}, "/unipay/sync/pay", 200, PLATFORM("验签失败", 20052)],
])("%s with %j at %s", async (release, options, path, status, body) => {
  const server = createServer(release, options);
  const request = signed(release, unsignedRequest(release, { refundNo: "R-SUCCEEDS" }));
  const reply = await post(server, path, JSON.stringify(request));
  expect({ status: reply.status, body: await reply.text() }).toEqual({ status, body });
});

test("2.x serves a path that ends in a slash", async () => {
  expect(answerOf(await exchange(serverOf("2.0.8"), {}, {}, "/unipay/sync/refund/"))).toMatchObject(PASSED);
});

test("the sync of payments finds no payment where its request is signed for it", async () => {
  const answer = answerOf(await exchange(serverOf("2.0.7"), { refundNo: null }, {}, "/unipay/sync/pay"));
  expect(answer).toMatchObject(S(1, "支付订单不存在"));
});

test.each<[DigestRelease, Expected]>([["3.0.0-beta4", PASSED], ["3.0.0", U(10500, "系统错误")]])(
  "%s to a request of DaxPay's own merchant terminal",
  async (release, expected) => {
    const body = JSON.stringify(signed(release, unsignedRequest(release, { refundNo: "R-SUCCEEDS" })));
    const reply = await post(serverOf(release), pathOf(release), body, { "x-client-code": "dax-pay-merchant" });
    expect(answerOf(await reply.text())).toMatchObject(expected);
  },
);

test("3.0.0 enforces a request's age where it is set, both ways, in its own zone", async () => {
  const server = createServer("3.0.0", { enforceRequestTime: true, timeZone: "UTC" });
  const sent = async (reqTime: string) => answerOf(await exchange(server, { reqTime }));
  expect(await sent("2025-08-26 03:59:31")).toMatchObject(PASSED);
  expect(await sent("2025-08-26 03:59:30")).toMatchObject(U(10506, STALE));
  expect(await sent("2025-08-26 04:00:31")).toMatchObject(PASSED);
  expect(await sent("2025-08-26 04:00:32")).toMatchObject(U(10506, FUTURE));
});

test("2.0.8 checks no request's age where that is off", async () => {
  const server = createServer("2.0.8", { enforceRequestTime: false });
  expect(answerOf(await exchange(server, { reqTime: 1 }))).toMatchObject(PASSED);
});

test.each(ALL)("%s accepts any signature where requireSignature is off, and signs its reply", async (release) => {
  const server = createServer(release, { requireSignature: false });
  expect(answerOf(await exchange(server, {}, { sign: "x" }))).toMatchObject(PASSED);
});

test.each<[ReleaseName, ServerOptions, Expected]>([
  ["2.0.7", { interfaces: { sync: "off" } }, U(20000, "该接口权限未开放")],
  ["2.0.7", { interfaces: { sync: "missing" } }, U(10010, "未找到接口信息")],
  ["2.0.7", { interfaces: { query: "off" } }, OLD_SIGN],
  ["2.0.7", { interfaces: { sync: "off" }, verifyFirst: true }, S(1, "该接口权限未开放")],
  ["2.0.8", { interfaces: { sync: "off" } }, U(20023, "该接口权限未开放")],
  ["2.0.8", { interfaces: { sync: "missing" } }, U(20024, "未找到接口信息")],
  ["2.0.8", { interfaces: { sync: "off" }, verifyFirst: true }, U(10006, "验证参数错误\n未获取到签名方式，请检查")],
  ["3.0.0-beta4", { disabled: "app" }, U(20023, "商户应用未启用")],
  ["3.0.0", { disabled: "merchant" }, U(20023, "商户未启用")],
  ["3.0.0", { appId: "M1", apps: { M8207639754663343: "M2" } }, U(10506, "验证参数错误\n商户号和应用号不匹配")],
  ["2.0.7", { signType: null }, U(20000, "签名方式错误")],
  ["2.0.7", { signType: null, verifyFirst: true }, U(20000, "未获取到签名方式，请检查")],
  ["2.0.8", { signType: null }, U(20052, "验签失败")],
  ["2.0.8", { signType: null, verifyFirst: true }, U(10006, "验证参数错误\n未获取到签名方式，请检查")],
  ["3.0.0-beta4", { signType: null }, U(10506, "验证参数错误\n未获取到签名方式，请检查")],
  ["3.0.0", { signType: null }, U(10506, "验证参数错误\n未获取到签名方式，请检查")],
  ["2.0.7", { verifyFirst: true }, PASSED],
  ["2.0.8", { verifyFirst: true }, PASSED],
])("%s with %j answers a wrongly signed request", async (release, options, expected) => {
  const after: Members = options.apps ? {} : { sign: "0".repeat(64) };
  expect(answerOf(await exchange(createServer(release, options), {}, after))).toMatchObject(expected);
});

test("2.0.8 that verifies first checks sizes, but no request's age", async () => {
  const server = createServer("2.0.8", { verifyFirst: true });
  expect(answerOf(await exchange(server, { reqTime: 1 }))).toMatchObject(PASSED);
  expect(answerOf(await exchange(server, {}, { sign: "0".repeat(65) }))).toMatchObject(
    U(10006, "验证参数错误\n签名不可超过64位\n"),
  );
});
