import { afterEach, describe, expect, test } from "vitest";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import { BETA_STATES, type BetaState } from "../../src/sandbox/release4.ts";
import type { NewRefund } from "../../src/sandbox/rows.ts";
import { post, startSandbox } from "./client.ts";
import {
  ACCOUNT,
  answerOf4,
  call4,
  createServer4,
  NOW,
  PING,
  QUERY,
  query4,
  REQ_ID,
  type Request,
  requestOf,
  send4,
  type Server,
  signed4,
  SYNC,
  sync4,
  textOf,
  verifies,
} from "./client4.ts";

let server: Server;
afterEach(() => server?.close());

/** Signed, echoing the request, with the time. */
const checked = (code: number, text: string) => ({ code, text, signed: true, reqId: REQ_ID, resTime: NOW, data: null });
/** Signed within an interface, which leaves out the time. */
const thrown = (code: number, text: string) => ({ ...checked(code, text), resTime: null });
const unsigned = (code: number, text: string) => ({ code, text, signed: false, data: null });
const data = (members: object) => ({ code: 0, text: "success", signed: true, reqId: REQ_ID, data: members });
const status = (orderStatus: string, adjust = false) => data({ orderStatus, adjust });

function createLedger(refund: Partial<NewRefund> = {}, options: ServerOptions = {}): Server {
  server = createServer4(options);
  server.addRefund({ refundNo: "R1", bizRefundNo: "B1", orderNo: "P1", ...refund });
  return server;
}

describe("4.0.0-beta on a socket", () => {
  test("replies to a sync with the header x-trace-id and a signed body", async () => {
    const sandbox = await startSandbox("3.0.0", { release: "4.0.0-beta" });
    const reply = await post(sandbox, SYNC, JSON.stringify(signed4(requestOf({ refundNo: "R-SUCCEEDS" }))));
    const body = await reply.text();
    await sandbox.close();
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "content-type": "application/json",
      "x-trace-id": "t6h0RaYLoa8E",
    });
    expect(Object.keys(JSON.parse(body))).toEqual(["code", "msg", "data", "sign", "resTime", "reqId"]);
    expect(answerOf4(body)).toMatchObject(status("success", true));
    expect(verifies(body.replace(REQ_ID, "another"))).toBe(false);
  });
});

describe("the checks of 4.0.0-beta", () => {
  const NO_ID = "参数验证失败: 请求ID不可为空\n";
  const BAD = Buffer.alloc(256).toString("base64");

  test.each<[name: string, before: Request, after: Request, code: number, text: string]>([
    ["without mchNo", { mchNo: null }, {}, 10506, "参数验证失败: 商户号不可为空\n"],
    ["of an unknown merchant", { mchNo: "M0" }, {}, 20023, "未找到指定的商户配置"],
    ["without reqTime", { reqTime: null }, {}, 10506, "参数验证失败: 请求时间必填\n"],
    ["with a reqId of 65", { reqId: "x".repeat(65) }, {}, 10506, "参数验证失败: 请求ID不可超过64位\n"],
    ["with a nonce of 33", { nonceStr: "x".repeat(33) }, {}, 10506, "参数验证失败: 随机数不可超过32位\n"],
    ["with a refundNo of 101", { refundNo: "x".repeat(101) }, {}, 10506, "参数验证失败: 退款号不可超过100位\n"],
    ["with a name for an address", { clientIp: "localhost" }, {}, 10506, "参数验证失败: IP地址不合法！\n"],
    ["without sign", {}, { sign: null }, 10506, "签名为空"],
    ["with an empty sign", {}, { sign: " " }, 10506, "签名为空"],
    ["with another sign", {}, { sign: BAD }, 20052, "验签失败"],
    ["changed after it was signed", {}, { refundNo: "R-FAILS" }, 20052, "验签失败"],
    ["with a member added after it was signed", {}, { clientIp: "127.0.0.1" }, 20052, "验签失败"],
    ["that signs a member DaxPay does not know", { account: "A1" }, {}, 20052, "验签失败"],
  ])(
    "sign the rejection of a request %s, and leave it unsigned in older states",
    async (_, before, after, code, text) => {
      const request = { ...signed4(requestOf({ refundNo: "R-SUCCEEDS", ...before })), ...after };
      const reqId = request.reqId;
      server = createServer4();
      expect(answerOf4(await send4(server, SYNC, request))).toEqual({ ...checked(code, text), reqId });
      expect(answerOf4(await send4(createServer4({ beta: "signed-ping" }), SYNC, request))).toEqual(
        unsigned(code, text),
      );
    },
  );

  test("echo no reqId where it is missing", async () => {
    server = createServer4();
    expect(await call4(server, SYNC, { reqId: null })).toEqual({ ...checked(10506, NO_ID), reqId: null });
    expect(await call4(server, SYNC, { reqId: " " })).toEqual({ ...checked(10506, NO_ID), reqId: null });
  });

  test("accept members that DaxPay does not know where they are not signed, and nulls", async () => {
    server = createServer4();
    const request = { ...signed4(requestOf({ refundNo: "R-SUCCEEDS", bizRefundNo: null })), account: "A1" };
    expect(answerOf4(await send4(server, SYNC, request))).toMatchObject(status("success", true));
  });

  test("do not read the application", async () => {
    server = createServer4({ disabled: "app" });
    expect(await call4(server, SYNC, { refundNo: "R-WAITS", appId: "A0" })).toMatchObject(status("progress"));
    expect(await call4(server, QUERY, { refundNo: "R-WAITS", appId: null })).toMatchObject({ code: 0 });
  });

  test.each<[ServerOptions, object]>([
    [{ disabled: "merchant" }, checked(1, "商户未启用")],
    [{ merchantPublicKey: null }, checked(10506, "商户公钥为空")],
    [{ requireSignature: false }, status("success", true)],
  ])("answer a wrongly signed request with the options %j", async (options, expected) => {
    server = createServer4(options);
    const request = { ...signed4(requestOf({ refundNo: "R-SUCCEEDS" })), sign: BAD };
    expect(answerOf4(await send4(server, SYNC, request))).toMatchObject(expected);
  });

  test.each(["x", "0".repeat(64), `${BAD}\n`])(
    "end in a system error for a sign that cannot be one: %j",
    async (sign) => {
      server = createServer4();
      const request = { ...requestOf({ refundNo: "R-SUCCEEDS" }), sign };
      expect(answerOf4(await send4(server, SYNC, request))).toEqual(unsigned(10500, "系统错误"));
    },
  );

  test.each([
    ["2026-11-25 18:30:06.250", NOW],
    ["2026-11-25T10:30:06Z", NOW],
    ["2026-11-25T18:30:06.999+08:00", NOW],
  ])("verify the reqTime %s as %s", async (reqTime, rewritten) => {
    server = createServer4();
    const request = requestOf({ refundNo: "R-SUCCEEDS", reqTime });
    expect(answerOf4(await send4(server, SYNC, signed4(request)))).toMatchObject({ code: 20052 });
    const text = textOf({ ...request, reqTime: rewritten });
    expect(answerOf4(await send4(server, SYNC, signed4(request, text)))).toMatchObject({ code: 0 });
  });

  test.each([
    ["GET", undefined, "application/json", 1, "不支持的操作"],
    ["POST", "{}", "text/plain", 10500, "系统错误"],
    ["POST", "{", "application/json", 10505, expect.stringMatching(/^JSON parse error/)],
    ["POST", '{"reqTime":"25.11.2026"}', "application/json", 10505, expect.stringMatching(/^JSON parse error/)],
    ["POST", '{"refundNo":{}}', "application/json", 10505, expect.stringMatching(/^JSON parse error/)],
  ])("leave the rejection of %s %s as %s unsigned", async (method, body, contentType, code, text) => {
    server = createServer4();
    const reply = await server.fetch(
      new Request(`http://daxpay${SYNC}`, { method, body, headers: { "content-type": contentType } }),
    );
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual({ message: text, code, data: null });
  });

  test.each(["/unipay/query/refundOrder", `${SYNC}/`])("find nothing at %s", async (path) => {
    server = createServer4();
    const reply = await post(server, path, "{}", { "accept-language": "en-US,en;q=0.9" });
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual({ message: "Resource Not Found", code: 10404, data: null });
  });
});

describe("the replay guard of 4.0.0-beta", () => {
  const send = (members: Request = {}) => call4(server, SYNC, { refundNo: "R-WAITS", ...members });
  const EXPIRED = checked(10409, "请求验证已失效，请重试");
  const LATE = { code: 10410, text: "请求时间戳已过期，请重试", signed: true };

  test("is off unless it is set", async () => {
    server = createServer4();
    const request = { nonceStr: null, reqTime: "2020-01-01 00:00:00" };
    expect([await send(request), await send(), await send()]).toMatchObject(Array(3).fill(status("progress")));
  });

  test("accepts a nonce once in 300 s and per merchant", async () => {
    server = createServer4({ enforceNonce: true, apps: { A2: "M2" } });
    expect(await send({ nonceStr: null })).toEqual(checked(10408, "请求缺少防重放验证参数"));
    expect([await send(), await send()]).toMatchObject([status("progress"), EXPIRED]);
    expect(await send({ mchNo: "M2" })).toMatchObject({ code: 10506, text: "pay.error.orderNotBelong" });
    server.tick(299_999);
    expect(await send()).toMatchObject({ code: 10409 });
    server.tick(1);
    expect(await send()).toMatchObject(status("progress"));
    server.reset();
    expect(await send()).toMatchObject(status("progress"));
  });

  test("uses no nonce up for a wrong signature, but does for a wrong time", async () => {
    server = createServer4({ enforceNonce: true, enforceRequestTime: true });
    await send4(server, SYNC, { ...signed4(requestOf({ refundNo: "R-WAITS" })), refundNo: "R-FAILS" });
    expect(await send({ reqTime: "2026-11-25 18:00:00" })).toMatchObject(LATE);
    expect(await send()).toMatchObject({ code: 10409 });
  });

  test.each([
    ["2026-11-25 18:25:06", status("progress")],
    ["2026-11-25 18:25:05", LATE],
    ["2026-11-25 18:35:06", status("progress")],
    ["2026-11-25 18:35:07", LATE],
  ])("bounds the time %s both ways, in Beijing whatever the server's zone", async (reqTime, expected) => {
    server = createServer4({ enforceRequestTime: true, timeZone: "UTC" });
    expect(await send({ reqTime })).toMatchObject({ ...expected, resTime: NOW });
  });

  test("has the tolerance that is set", async () => {
    server = createServer4({ reqTimeoutSeconds: 10 });
    expect(await send({ reqTime: "2026-11-25 18:29:55" })).toMatchObject(LATE);
  });
});

describe("a sync of 4.0.0-beta", () => {
  test.each<[channel: string, state: NewRefund["state"] & string, expected: string]>([
    ["wechat_pay", "SUCCESS", "success"],
    ["wechat_pay", "CLOSED", "close"],
    ["wechat_pay", "CHANGE", "fail"],
    ["ali_pay", "SUCCESS", "success"],
  ])("settles a refund in progress once: %s %s", async (channel, state, expected) => {
    createLedger({ channel, state, amount: 1_000, refundableBalance: 5_000 });
    expect(await sync4(server, "R1")).toMatchObject(status(expected, true));
    server.setChannel("R1", { state: state === "SUCCESS" ? "CLOSED" : "SUCCESS" });
    expect([await sync4(server, "R1"), await sync4(server, "R1")]).toMatchObject([status(expected), status(expected)]);
    const credited = expected === "success" ? 0 : 1;
    expect(server.refund("R1")).toMatchObject({
      status: expected,
      credits: credited,
      refundableBalance: 5_000 + credited * 1_000,
      syncs: 3,
    });
  });

  test.each<[channel: string, state: NewRefund["state"] & string]>([
    ["wechat_pay", "PROCESSING"],
    ["wechat_pay", "NOT_EXIST"],
    ["wechat_pay", "ERROR"],
    ["wechat_pay", "NETWORK_ERROR"],
    ["wechat_pay", "UNPARSABLE"],
    ["ali_pay", "PROCESSING"],
    ["ali_pay", "CLOSED"],
    ["ali_pay", "CHANGE"],
    ["ali_pay", "NETWORK_ERROR"],
  ])("leaves a refund in progress without a clear answer: %s %s", async (channel, state) => {
    createLedger({ channel, state });
    expect(await sync4(server, "R1")).toMatchObject(status("progress"));
    expect(server.refund("R1")).toMatchObject({ status: "progress", credits: 0 });
  });

  test.each(["success", "fail", "close"] as const)("returns %s without calling the channel", async (final) => {
    createLedger({ status: final, state: "exception" });
    expect(await sync4(server, "R1")).toMatchObject({ ...status(final), resTime: NOW });
  });

  test.each<[state: NewRefund["state"] & string, expected: object]>([
    ["SUCCESS", status("init")],
    ["PROCESSING", status("init")],
    ["CLOSED", thrown(10500, "pay.error.refund.casConflict")],
    ["CHANGE", thrown(10500, "pay.error.refund.casConflict")],
  ])("leaves a refund in init: %s", async (state, expected) => {
    createLedger({ status: "init", state });
    expect(await sync4(server, "R1")).toMatchObject(expected);
    expect(server.refund("R1")).toMatchObject({ status: "init", credits: 0 });
  });

  test("reports what a callback settled while the channel was called, and credits nothing twice", async () => {
    createLedger({ state: "CLOSED", latencyMs: 40 });
    const running = sync4(server, "R1");
    await expect.poll(() => server.refund("R1")?.syncs).toBe(1);
    expect(server.callback("R1", "fail")).toBe("applied");
    expect(await running).toMatchObject(status("fail", true));
    expect(server.refund("R1")).toMatchObject({ status: "fail", credits: 1 });
  });

  test("credits nothing twice where two syncs settle the same refund", async () => {
    createLedger({ state: "CLOSED", latencyMs: 20, refundableBalance: 5_000, amount: 1_000 });
    const replies = await Promise.all([sync4(server, "R1"), sync4(server, "R1"), sync4(server, "R1")]);
    expect(replies).toMatchObject(Array(3).fill(status("close", true)));
    expect(server.refund("R1")).toMatchObject({ credits: 1, refundableBalance: 6_000 });
  });

  test("waits 200 ms for the payment's lock, which another refund of it may hold", async () => {
    createLedger({ state: "SUCCESS" }, { commitMs: 1_000 });
    server.addRefund({ refundNo: "R2", orderNo: "P1", state: "CLOSED" });
    server.addRefund({ refundNo: "R3", orderNo: "P3", state: "CLOSED" });
    const running = sync4(server, "R1");
    await expect.poll(() => server.refund("R1")?.syncs).toBe(1);
    expect(await sync4(server, "R2")).toEqual(thrown(10506, "退款处理中，请勿重复操作"));
    expect(await sync4(server, "R3")).toMatchObject(status("close", true));
    expect(await running).toMatchObject(status("success", true));
    expect(server.refund("R2")).toMatchObject({ status: "progress", credits: 0 });
  });

  test("needs the payment to credit it, but not to succeed", async () => {
    createLedger({ orderMissing: true, state: ["CLOSED", "SUCCESS"] });
    expect(await sync4(server, "R1")).toEqual(thrown(20044, "交易不存在"));
    expect(await sync4(server, "R1")).toMatchObject(status("success", true));
  });

  test.each<[refundNo: string, expected: object]>([
    ["R-LOCKED", thrown(10506, "退款处理中，请勿重复操作")],
    ["R-UNSUPPORTED", thrown(20030, "不支持的能力: wallet_pay")],
    ["R-YOUNG", status("success", true)],
    ["R-INTERFACE-OFF", status("success", true)],
    ["R-ABNORMAL", status("fail", true)],
    ["R-INIT", status("init")],
    ["R-LOST", status("progress")],
    ["R-NULL-POINTER", unsigned(10500, "系统错误")],
    ["R-EXCEPTION", unsigned(10500, "系统错误")],
    ["R-UNKNOWN", thrown(10405, "未查询到退款订单")],
    ["LOAD-1", status("success", true)],
    ["DEVR24051020531763000004", status("progress")],
  ])("answers %s", async (refundNo, expected) => {
    server = createServer4();
    expect(await sync4(server, refundNo)).toMatchObject(expected);
  });

  test("is not needed for refunds that DaxPay's own job syncs for seven days", async () => {
    createLedger({ state: "SUCCESS" });
    server.addRefund({ refundNo: "R2", requestedAt: Date.parse("2026-11-18T18:30:06+08:00") });
    expect(await server.runJob()).toBe(1);
    expect([server.refund("R1"), server.refund("R2")]).toMatchObject([{ status: "success" }, { status: "progress" }]);
    expect([server.closeRefund("R1"), server.closeRefund("R2")]).toEqual(["ignored", "applied"]);
    expect(await sync4(server, "R2")).toMatchObject(status("close"));
  });
});

describe.each([["sync", SYNC], ["query", QUERY]])("a %s of 4.0.0-beta", (_, path) => {
  test("rejects a request that names no refund", async () => {
    server = createServer4();
    const expected = thrown(10506, "支付订单号不能都为空");
    expect([
      await call4(server, path, {}),
      await call4(server, path, { refundNo: "", bizRefundNo: " " }),
    ]).toEqual([expected, expected]);
  });

  test("rejects another merchant's refundNo, and does not find its bizRefundNo", async () => {
    createLedger({ mchNo: "M2" });
    expect(await call4(server, path, { refundNo: "R1" })).toEqual(thrown(10506, "pay.error.orderNotBelong"));
    expect(await call4(server, path, { bizRefundNo: "B1" })).toEqual(thrown(10405, "未查询到退款订单"));
    expect(server.refund("R1")).toMatchObject({ status: "progress", syncs: 0, queries: 0 });
  });

  test("finds a refund of another application by either number", async () => {
    createLedger({ appId: "A2", state: "PROCESSING" });
    expect(await call4(server, path, { refundNo: "R1" })).toMatchObject({ code: 0 });
    expect(await call4(server, path, { bizRefundNo: "B1" })).toMatchObject({ code: 0 });
    expect(await call4(server, path, { refundNo: "R1", bizRefundNo: "B-UNKNOWN" })).toMatchObject({ code: 0 });
  });
});

describe("a query of 4.0.0-beta", () => {
  const REFUND: Partial<NewRefund> = {
    amount: 100,
    orderAmount: 8_888,
    reason: '测试 & "退款"',
    outRefundNo: "5030",
    status: "success",
    finishTime: Date.parse("2026-11-25T10:29:59Z"),
  };
  const MEMBERS = {
    refundNo: "R1",
    bizRefundNo: "B1",
    tradeNo: "P1",
    bizOrderNo: "BO-R1",
    outRefundNo: "5030",
    amount: 100,
    orderAmount: 8_888,
    status: "success",
    reason: '测试 & "退款"',
    finishTime: "2026-11-25 18:29:59",
    errorMsg: null,
  };

  test("returns the refund in fen and Beijing's time", async () => {
    createLedger(REFUND);
    expect(await query4(server, "R1")).toEqual({ ...data(MEMBERS), resTime: NOW });
    expect(server.refund("R1")).toMatchObject({ queries: 1, syncs: 0 });
  });

  test("writes amounts as texts in older states, with the same signature", async () => {
    const [now, before] = [createLedger(REFUND), createLedger(REFUND, { beta: "signed-failures" })];
    const request = signed4(requestOf({ refundNo: "R1" }));
    const [newer, older] = [await send4(now, QUERY, request), await send4(before, QUERY, request)];
    expect(answerOf4(older).data).toEqual({ ...MEMBERS, amount: "100", orderAmount: "8888" });
    expect(JSON.parse(older).sign).toBe(JSON.parse(newer).sign);
  });

  test("shows a refund in init, and changes nothing", async () => {
    server = createServer4();
    expect(await query4(server, "R-INIT")).toMatchObject({ data: { status: "init", finishTime: null } });
    expect(await query4(server, "R-WAITS-1")).toMatchObject({ data: { status: "progress" } });
  });
});

describe("the ping of 4.0.0-beta", () => {
  test("returns the application and the text that was verified", async () => {
    server = createServer4({ apps: { A2: "M2" } });
    const { appId, ...others } = requestOf({});
    expect(await call4(server, PING, {})).toMatchObject(
      data({ ...ACCOUNT, appFromDefault: false, serverSignStr: textOf({ appId, ...others }) }),
    );
    expect(await call4(server, PING, { appId: null })).toMatchObject(
      data({ ...ACCOUNT, appFromDefault: true, serverSignStr: textOf(others) }),
    );
    expect(await call4(server, PING, { mchNo: "M2", appId: "" })).toMatchObject({
      data: { mchNo: "M2", appId: "A2", appFromDefault: true },
    });
  });

  test.each<[Request, ServerOptions, object]>([
    [{ appId: "A0" }, {}, thrown(20023, "未找到指定的应用配置")],
    [{ appId: "A2" }, {}, thrown(10506, "商户号和应用号不匹配")],
    [{}, { disabled: "app" }, thrown(1, "商户应用未启用")],
    [{ appId: null }, { disabled: "app" }, thrown(1, "商户默认应用已停用, 请先启用或转交默认标记")],
    [{}, { disabled: "merchant" }, checked(1, "商户未启用")],
  ])("fails for %j with %j", async (members, options, expected) => {
    server = createServer4({ apps: { A2: "M2" }, ...options });
    expect(await call4(server, PING, members)).toEqual(expected);
  });

  test("names the text that the server verified where the signature is wrong", async () => {
    server = createServer4();
    const request = signed4(requestOf({}), "another text");
    expect(answerOf4(await send4(server, PING, request))).toEqual(checked(20052, `验签失败: ${textOf(requestOf({}))}`));
    const english = await send4(server, PING, request, { "accept-language": "en" });
    expect(answerOf4(english).text).toMatch(/^Signature verification failed: appId=/);
  });

  test("of the deployment needs no signature", async () => {
    server = createServer4();
    const ping = async (server: Server) => {
      const reply = await server.fetch(new Request("http://daxpay/unipay/callback/ping"));
      return { status: reply.status, body: await reply.text() };
    };
    expect(await ping(server)).toEqual({ status: 200, body: "daxpay-ping:unipay-callback" });
    expect(await ping(createServer4({ beta: "beijing-times" }))).toMatchObject({ status: 404 });
  });

  test("is not served by older states", async () => {
    server = createServer4({ beta: "beijing-times" });
    expect(JSON.parse(await send4(server, PING, signed4(requestOf({}))))).toMatchObject({ code: 10404 });
  });
});

describe("a text of 4.0.0-beta", () => {
  test.each<[acceptLanguage: string | undefined, ServerOptions, text: string]>([
    [undefined, {}, "未查询到退款订单"],
    [undefined, { language: "en-US" }, "Refund order not found"],
    ["zh-CN", { language: "en-US" }, "未查询到退款订单"],
    ["en-GB,zh;q=0.5", {}, "Refund order not found"],
    ["fr", {}, "未查询到退款订单"],
  ])("for Accept-Language %s with %j", async (acceptLanguage, options, text) => {
    server = createServer4(options);
    const headers = acceptLanguage === undefined ? undefined : { "accept-language": acceptLanguage };
    expect(await call4(server, SYNC, { refundNo: "R-UNKNOWN" }, headers)).toEqual(thrown(10405, text));
  });

  test("keeps its detail in English", async () => {
    server = createServer4({ language: "en-US" });
    expect(await call4(server, SYNC, { mchNo: null })).toMatchObject({
      text: "Parameter Validation Failed: 商户号不可为空\n",
    });
  });
});

describe("the state utc-times of 4.0.0-beta", () => {
  const UTC = "2026-11-25T10:30:06Z";
  const request = requestOf({ refundNo: "R-WAITS" });

  /** Sends a request that is signed as the server rewrites it. */
  async function exchange(tickMs: number) {
    server = createServer4({ beta: "utc-times" });
    server.tick(tickMs);
    return await send4(server, SYNC, signed4(request, textOf({ ...request, reqTime: UTC })));
  }

  test("rejects every client that signs what it sends", async () => {
    server = createServer4({ beta: "utc-times" });
    expect(answerOf4(await send4(server, SYNC, signed4(request)))).toEqual(unsigned(20052, "验签失败"));
  });

  test.each([
    [0, "2026-11-25T10:30:06Z", true],
    [123, "2026-11-25T10:30:06.123Z", true],
    [120, "2026-11-25T10:30:06.12Z", false],
    [54_000, "2026-11-25T10:31:00Z", false],
  ])("after %d ms replies at %s, which verifies: %s", async (tickMs, resTime, valid) => {
    const body = await exchange(tickMs);
    expect(JSON.parse(body)).toMatchObject({ code: 0, data: { orderStatus: "progress" }, resTime, reqId: REQ_ID });
    expect(JSON.parse(body).traceId).toBe("t6h0RaYLoa8E");
    expect(verifies(body)).toBe(valid);
  });
});

test.each(BETA_STATES.slice(1))("the state %s serves what a client signs as it sends it", async (beta: BetaState) => {
  server = createServer4({ beta });
  expect(await sync4(server, "R-SUCCEEDS")).toMatchObject({ ...status("success", true), resTime: NOW });
  expect(await query4(server, "R-SUCCEEDS")).toMatchObject({ code: 0, data: { status: "success" } });
  expect(await sync4(server, "R-UNKNOWN")).toEqual(thrown(10405, "未查询到退款订单"));
});

test.each<[ServerOptions, string]>([
  [{ secret: "123456" }, "expected no secret with release 4.0.0-beta, got one"],
  [{ signType: "MD5" }, "expected no signType with release 4.0.0-beta, got one"],
  [{ beta: "beta8" as BetaState }, "expected beta to be one of utc-times, beijing-times, signed-ping, "],
  [{ release: "3.0.0", beta: "utc-times" }, 'expected beta with release 4.0.0-beta, got "3.0.0"'],
  [{ release: "3.0.0", enforceNonce: true }, 'expected enforceNonce with release 4.0.0-beta, got "3.0.0"'],
  [{ release: "3.0.0", merchantPublicKey: "x" }, 'expected merchantPublicKey with release 4.0.0-beta, got "3.0.0"'],
  [{ platformPrivateKey: "x" }, "expected platformPrivateKey to be the PEM of a private RSA key, got another text"],
])("createDaxPayServer() rejects the options %j", (options, message) => {
  expect(() => createServer4(options)).toThrow(message);
});

test("addRefund() rejects the status init before 4.0.0-beta", () => {
  server = createServer4({ release: "3.0.0" });
  expect(() => server.addRefund({ refundNo: "R1", status: "init" })).toThrow('expected a status other than "init"');
});
