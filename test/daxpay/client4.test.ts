import { Buffer } from "node:buffer";
import { randomBytes, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createDaxPay, type DaxPayOptions } from "../../src/daxpay/client.ts";
import { MERCHANT, NOW_4, PLATFORM_PUBLIC, publicKeyOf, signed4, V4 } from "./v4.ts";

type Body = Readonly<Record<string, string>>;
type Answer = (request: Body) => string;

const OPTIONS: Omit<DaxPayOptions, "url"> = {
  release: "4.0.0-beta",
  signType: "HMAC_SHA256",
  secret: "",
  privateKey: MERCHANT,
  platformKeys: [PLATFORM_PUBLIC],
  mchNo: "M200000001",
  timeoutMs: 2000,
  timeZone: "America/New_York",
  maxSkewMs: 300_000,
};
const REFUND = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };

/** Replies to every request, and collects what it received. */
async function withServer(answer: Answer, use: (url: URL, requests: Received[]) => Promise<void>): Promise<void> {
  const requests: Received[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body: Body = await request.json();
    requests.push({ path: new URL(request.url).pathname, language: request.headers.get("accept-language"), body });
    return new Response(answer(body), { headers: { "x-trace-id": "trace-1" } });
  });
  try {
    await use(new URL(`http://127.0.0.1:${server.addr.port}`), requests);
  } finally {
    await server.shutdown();
  }
}

interface Received {
  readonly path: string;
  readonly language: string | null;
  readonly body: Body;
}

function daxpayAt(url: URL, changes: Partial<DaxPayOptions> = {}) {
  const deps = { fetch, now: () => NOW_4, nonce: () => randomBytes(16).toString("hex") };
  return createDaxPay({ ...OPTIONS, url, ...changes }, deps);
}

const progress: Answer = ({ reqId }) =>
  signed4(
    JSON.stringify({
      code: 0,
      msg: "success",
      data: { orderStatus: "progress", adjust: false },
      sign: "",
      resTime: "2026-11-25 18:30:06",
      reqId,
    }),
    `code=0&data.adjust=false&data.orderStatus=progress&msg=success&reqId=${reqId}&resTime=2026-11-25 18:30:06`,
  );

describe("DaxPay.sync() of 4.0.0-beta", () => {
  test("sends a request whose signature DaxPay's key verifies over exactly its members", async () => {
    await withServer(progress, async (url, requests) => {
      using daxpay = daxpayAt(url, { appId: "APP001" });
      expect(await daxpay.sync({ ...REFUND, bizRefundNo: "B1", clientIp: "127.0.0.1" })).toMatchObject({
        daxpayStatus: "progress",
        binding: "REQUEST",
        daxpayTraceId: "trace-1",
      });
      const [{ path, language, body }] = requests;
      expect([path, language]).toEqual(["/unipay/sync/order/refund", "zh-CN"]);
      const { sign, ...members } = body;
      expect(members).toEqual({
        mchNo: "M200000001",
        appId: "APP001",
        refundNo: "R1",
        bizRefundNo: "B1",
        clientIp: "127.0.0.1",
        nonceStr: expect.stringMatching(/^[0-9a-f]{32}$/),
        reqId: expect.stringMatching(/^[0-9a-f]{32}$/),
        // Beijing's, whatever the configured zone.
        reqTime: "2026-11-25 18:30:06",
      });
      const { nonceStr, reqId } = body;
      const string = `appId=APP001&bizRefundNo=B1&clientIp=127.0.0.1&mchNo=M200000001&nonceStr=${nonceStr}` +
        `&refundNo=R1&reqId=${reqId}&reqTime=2026-11-25 18:30:06`;
      const key = publicKeyOf(V4.keys.merchant.publicSpki);
      expect(verify("sha256", Buffer.from(string), key, Buffer.from(sign, "base64"))).toBe(true);
    });
  });

  test("leaves out the application where none is configured", async () => {
    await withServer(progress, async (url, requests) => {
      using daxpay = daxpayAt(url);
      await daxpay.sync(REFUND);
      expect(Object.keys(requests[0].body).sort()).toEqual([
        "mchNo",
        "nonceStr",
        "refundNo",
        "reqId",
        "reqTime",
        "sign",
      ]);
    });
  });

  test("sends another reqId with every attempt, and the caller's nonce only with the first", async () => {
    await withServer(progress, async (url, requests) => {
      using daxpay = daxpayAt(url);
      const refund = { ...REFUND, nonceStr: "given" };
      await daxpay.sync(refund);
      await daxpay.sync(refund, { retry: true });
      const [first, second] = requests.map(({ body }) => body);
      expect(first.reqId).not.toBe(second.reqId);
      expect(first.nonceStr).toBe("given");
      expect(second.nonceStr).not.toBe("given");
      expect(first.reqId).not.toBe(first.nonceStr);
    });
  });

  test("rejects a genuine reply to an earlier request", async () => {
    let first: string | undefined;
    const replay: Answer = (request) => first ??= progress(request);
    await withServer(replay, async (url) => {
      using daxpay = daxpayAt(url);
      await daxpay.sync(REFUND);
      await expect(daxpay.sync(REFUND)).rejects.toMatchObject({ reason: "REPLY_MISMATCHED" });
    });
  });

  test("accepts a reply by any of the platform's keys, and by no other", async () => {
    await withServer(progress, async (url) => {
      const other = publicKeyOf(V4.keys.merchant.publicSpki);
      using both = daxpayAt(url, { platformKeys: [other, PLATFORM_PUBLIC] });
      expect(await both.sync(REFUND)).toMatchObject({ daxpayStatus: "progress" });
      using wrong = daxpayAt(url, { platformKeys: [other] });
      await expect(wrong.sync(REFUND)).rejects.toMatchObject({ reason: "REPLY_UNVERIFIED" });
    });
  });

  const failures = [
    [10408, "请求缺少防重放验证参数", "NOT_CONFIGURED"],
    [10409, "请求验证已失效，请重试", "SYNC_IN_PROGRESS"],
    [10410, "请求时间戳已过期，请重试", "CLOCK_SKEW"],
    [10506, "退款处理中，请勿重复操作", "SYNC_IN_PROGRESS"],
    [10506, "Refund processing, do not repeat", "SYNC_IN_PROGRESS"],
    [10506, "参数验证失败: 退款号不可超过100位\n", "INVALID_REQUEST"],
    [10506, "pay.error.orderNotBelong", "INVALID_REQUEST"],
    [10506, "商户公钥为空", "NOT_CONFIGURED"],
    [10500, "系统错误", "UPSTREAM_ERROR"],
    [1, "商户未启用", "NOT_CONFIGURED"],
    [1, "Merchant not enabled", "NOT_CONFIGURED"],
    [20023, "未找到指定的商户配置", "NOT_CONFIGURED"],
    [20030, "不支持的能力: x", "NOT_CONFIGURED"],
    [20052, "验签失败", "SIGNATURE_REJECTED"],
  ] as const;
  test.each(failures)("rejects with code %i %s, unsigned or signed, as %s", async (code, text, reason) => {
    await withServer(() => JSON.stringify({ message: text, code, data: null }), async (url) => {
      using daxpay = daxpayAt(url);
      await expect(daxpay.sync(REFUND)).rejects.toMatchObject({ reason, daxpayCode: code, daxpayMessage: text });
    });
    const signed: Answer = ({ reqId }) =>
      signed4(
        JSON.stringify({ code, msg: text, data: null, sign: "", resTime: null, reqId }),
        `code=${code}&msg=${text}&reqId=${reqId}`,
      );
    await withServer(signed, async (url) => {
      using daxpay = daxpayAt(url);
      await expect(daxpay.sync(REFUND)).rejects.toMatchObject({ reason, daxpayCode: code, daxpayMessage: text });
    });
  });
});

test("createDaxPay() of 4.0.0-beta rejects a configuration without keys", () => {
  const url = new URL("http://127.0.0.1");
  expect(() => daxpayAt(url, { privateKey: undefined })).toThrow(RangeError);
  expect(() => daxpayAt(url, { platformKeys: [] })).toThrow(RangeError);
});
