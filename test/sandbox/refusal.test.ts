import { afterAll, describe, expect, test } from "vitest";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import { ALL, isV3, pathOf, plain, post, type Request, signed, start, type Started, TRACE } from "./ask.ts";

const TIME = "验证参数错误\n请求时间必填\n";
const FUTURE = "验证参数错误\n请求时间晚于服务器接收到的时间，请检查";
const STALE = "验证参数错误\n请求已过期，请重新发送！";
const LONG = "验证参数错误\n退款号不可超过100位\n";
const IP = "验证参数错误\nIP地址不合法！\n";
const OLD_SIGN = "20000 U 未通过签名验证";
const PASSED = /^0 S success$/;

/** Code, S for signed or U for unsigned, and text; 2.x's refused `data` as its envelope. */
type Wanted = string | RegExp;
type Row = { readonly [Release in ReleaseName]: Wanted };

/** Rows give documented and 2.0.6 to 2.0.7 (alike), 2.0.8, beta4 and 3.0.0. */
function row(early: Wanted, v208: Wanted, beta4: Wanted, v300: Wanted): Row {
  return { documented: early, "2.0.6": early, "2.0.7": early, "2.0.8": v208, "3.0.0-beta4": beta4, "3.0.0": v300 };
}

const same = (v2: Wanted, v3: Wanted) => row(v2, v2, v3, v3);

interface Case {
  /** Changes the plain request before it is signed. */
  readonly before?: (release: ReleaseName) => Request | undefined;
  /** Changes it afterwards. */
  readonly after?: Request;
  readonly wanted: Row;
}

const SIGN: Row = row(OLD_SIGN, "20052 U 验签失败", "20052 S 验签失败", "20052 U 验签失败");
const NO_TIME = row(`10006 U ${TIME}`, `10006 U ${TIME}`, `10506 S ${TIME}`, `10506 U ${TIME}`);
const MALFORMED = same(/^10005 U JSON parse error: /, /^10505 U JSON parse error: /);

/** Seconds from the server's clock as the release writes them. */
const at = (release: ReleaseName, early: number, text: string): Request => ({
  reqTime: isV3(release) ? text : 1715576198 + early,
});

const CASES: Readonly<Record<string, Case>> = {
  "wrong sign": { after: { sign: "0".repeat(64) }, wanted: SIGN },
  "sign missing": { after: { sign: null }, wanted: SIGN },
  "sign empty": { after: { sign: "" }, wanted: SIGN },
  "time missing": { before: () => ({ reqTime: null }), wanted: NO_TIME },
  "time empty": { before: () => ({ reqTime: null }), after: { reqTime: "" }, wanted: NO_TIME },
  "time malformed": { after: { reqTime: "abc" }, wanted: MALFORMED },
  "time of the other generation": {
    before: (release) => ({ reqTime: isV3(release) ? 1715576198 : "2025-08-26 12:00:00" }),
    wanted: MALFORMED,
  },
  "time as text": { before: (r) => (isV3(r) ? undefined : { reqTime: "1715576198" }), wanted: same(PASSED, PASSED) },
  "time 10 s old": { before: (r) => at(r, -10, "2025-08-26 11:59:51"), wanted: same(PASSED, PASSED) },
  "time 11 s old": {
    before: (r) => at(r, -11, "2025-08-26 11:59:50"),
    wanted: row(PASSED, `10006 U ${STALE}`, PASSED, PASSED),
  },
  "time 60 s ahead": { before: (r) => at(r, 60, "2025-08-26 12:01:01"), wanted: same(PASSED, PASSED) },
  "time 61 s ahead": {
    before: (r) => at(r, 61, "2025-08-26 12:01:02"),
    wanted: row(PASSED, `10006 U ${FUTURE}`, PASSED, PASSED),
  },
  "refundNo of 101": {
    before: () => ({ refundNo: "x".repeat(101) }),
    wanted: row("1 S 未查询到退款订单", `10006 U ${LONG}`, `10506 S ${LONG}`, `10506 U ${LONG}`),
  },
  "no IP address": {
    before: () => ({ clientIp: "localhost" }),
    wanted: row(PASSED, `10006 U ${IP}`, `10506 S ${IP}`, `10506 U ${IP}`),
  },
  "blank clientIp is signed": { before: () => ({ clientIp: "" }), wanted: same(PASSED, PASSED) },
  "IPv6": { before: () => ({ clientIp: "2001:db8::1" }), wanted: same(PASSED, PASSED) },
  "nonce": {
    before: () => ({ nonceStr: "d112892e382a7093" }),
    wanted: { ...same(PASSED, PASSED), "2.0.6": OLD_SIGN, "2.0.7": OLD_SIGN },
  },
  "nonce sent but not signed": {
    after: { nonceStr: "d112892e382a7093" },
    wanted: { ...SIGN, "2.0.6": PASSED, "2.0.7": PASSED },
  },
  "appId missing": {
    before: (r) => (isV3(r) ? { appId: null } : undefined),
    wanted: row(PASSED, PASSED, "10500 U 系统错误", "10506 U 验证参数错误\n应用号不可为空\n"),
  },
  "appId empty": {
    before: (r) => (isV3(r) ? { appId: "" } : undefined),
    wanted: row(PASSED, PASSED, "20023 U 未找到指定的应用配置", "10506 U 验证参数错误\n应用号不可为空\n"),
  },
  "appId unknown, wrongly signed": {
    after: { appId: "M0", sign: "x" },
    wanted: row(OLD_SIGN, "20052 U 验签失败", "20023 U 未找到指定的应用配置", "20023 U 未找到指定的应用配置"),
  },
  "mchNo sent and signed": {
    before: () => ({ mchNo: "M1745845174843" }),
    wanted: { ...SIGN, "3.0.0": PASSED },
  },
  "mchNo unknown": {
    before: (r) => (r === "3.0.0" ? { mchNo: "M0" } : undefined),
    wanted: { ...same(PASSED, PASSED), "3.0.0": "20023 U 未找到指定的商户配置" },
  },
  "appId and mchNo missing": {
    before: (r) => (r === "3.0.0" ? { appId: null, mchNo: null } : undefined),
    wanted: { ...same(PASSED, PASSED), "3.0.0": "10506 U 验证参数错误\n商户号不可为空\n应用号不可为空\n" },
  },
  "neither number": {
    before: () => ({ refundNo: null }),
    wanted: same("1 S 未查询到退款订单", "20041 S 未查询到退款订单"),
  },
  "both numbers: refundNo decides": { before: () => ({ bizRefundNo: "B-FAILS" }), wanted: same(PASSED, PASSED) },
  "blank refundNo": {
    before: () => ({ refundNo: " ", bizRefundNo: "B-SUCCEEDS" }),
    wanted: same(PASSED, PASSED),
  },
  "too long and without a time, wrongly signed": {
    before: () => ({ refundNo: "x".repeat(101), reqTime: null }),
    after: { sign: "x" },
    wanted: row(
      `10006 U ${TIME}`,
      `10006 U ${TIME}退款号不可超过100位\n`,
      "20052 S 验签失败",
      `10506 U ${TIME}退款号不可超过100位\n`,
    ),
  },
};

const sandboxes = new Map<ReleaseName, Promise<Started>>();
const sandboxOf = (release: ReleaseName) => {
  const running = sandboxes.get(release) ?? start(release);
  sandboxes.set(release, running);
  return running;
};
afterAll(async () => {
  for (const running of sandboxes.values()) await (await running).close();
});

function shown(text: string): string {
  const { code, msg, data, sign } = JSON.parse(text);
  const inner = data && "code" in data ? data : undefined;
  const told = inner?.code ? `${inner.code}` : `${code}`;
  const words = inner ? inner.msg ?? "success" : msg;
  return `${told} ${inner?.sign || sign ? "S" : "U"} ${words}`;
}

describe.each(ALL)("%s refuses as it does", (release) => {
  test.each(Object.entries(CASES))("%s", async (_, { before, after, wanted }) => {
    const sandbox = await sandboxOf(release);
    const request = signed(release, plain(release, { refundNo: "R-SUCCEEDS", ...before?.(release) }));
    const reply = await post(sandbox, pathOf(release), JSON.stringify({ ...request, ...after }));
    expect(reply.status).toBe(200);
    expect(shown(await reply.text())).toEqual(
      typeof wanted[release] === "string" ? wanted[release] : expect.stringMatching(wanted[release]),
    );
  });

  test.each([
    ["text/plain", "{}", `${isV3(release) ? 10500 : 10001} U 系统错误`],
    ["application/json; charset=utf-8", "{", expect.stringMatching(isV3(release) ? /^10505 U / : /^10005 U /)],
    ["application/json", "", expect.stringMatching(isV3(release) ? /^10505 U / : /^10005 U /)],
    ["application/json", "[]", expect.stringMatching(isV3(release) ? /^10505 U / : /^10005 U /)],
    ["application/json", '{"refundNo":{}}', expect.stringMatching(isV3(release) ? /^10505 U / : /^10005 U /)],
  ])("content type %s, body %s", async (contentType, body, wanted) => {
    const sandbox = await sandboxOf(release);
    const reply = await post(sandbox, pathOf(release), body, { "content-type": contentType });
    expect(shown(await reply.text())).toEqual(wanted);
  });

  test("method GET", async () => {
    const sandbox = await sandboxOf(release);
    const reply = await fetch(sandbox.url + pathOf(release));
    expect(await reply.text()).toBe('{"msg":"不支持GET请求方法，支持以下POST","code":1,"data":null}');
  });
});

test.each<[ReleaseName, string, number, string]>([
  [
    "2.0.6",
    "/unipay/sync/refund",
    500,
    '{"timestamp":"2024-05-13T04:56:38.000+00:00","status":500,"error":"Internal Server Error","path":"/unipay/sync/refund"}',
  ],
  [
    "2.0.8",
    "/unipay/syncRefund",
    500,
    '{"timestamp":"2024-05-13T04:56:38.000+00:00","status":500,"error":"Internal Server Error","path":"/unipay/syncRefund"}',
  ],
  ["3.0.0-beta4", "/unipay/sync/pay", 200, '{"msg":"未登录或不拥有改请求路径的请求权限","code":1,"data":null}'],
  ["3.0.0", "/unipay/sync/pay", 401, '{"msg":"用户未登录","code":10401,"data":null}'],
  ["2.0.7", "/unipay/sync/pay", 200, `{"msg":"未通过签名验证","code":20000,"data":null,"traceId":"${TRACE}"}`],
  ["2.0.8", "/unipay/sync/pay", 200, `{"msg":"验签失败","code":20052,"data":null,"traceId":"${TRACE}"}`],
])("%s at %s", async (release, path, status, wanted) => {
  const sandbox = await sandboxOf(release);
  const reply = await post(sandbox, path, JSON.stringify(signed(release, plain(release, { refundNo: "R-SUCCEEDS" }))));
  expect([reply.status, await reply.text()]).toEqual([status, wanted]);
});

test("3.0.0 looks at a request's age when it is told to, both ways, in its own zone", async () => {
  const sandbox = await start("3.0.0", { reqTimeoutSeconds: 30, timeZone: "UTC" });
  const sent = async (reqTime: string) => {
    const request = signed("3.0.0", plain("3.0.0", { refundNo: "R-SUCCEEDS", reqTime }));
    return shown(await (await post(sandbox, pathOf("3.0.0"), JSON.stringify(request))).text());
  };
  expect(await sent("2025-08-26 03:59:31")).toBe("0 S success");
  expect(await sent("2025-08-26 03:59:30")).toBe(`10506 U ${STALE}`);
  expect(await sent("2025-08-26 04:00:31")).toBe("0 S success");
  expect(await sent("2025-08-26 04:00:32")).toBe(`10506 U ${FUTURE}`);
  await sandbox.close();
});
