import { describe, expect, test } from "vitest";
import { createDaxPay } from "../../src/daxpay/client.ts";
import { fenFrom, plainDecimal } from "../../src/daxpay/decimal.ts";
import { type Release, RELEASE_NAMES, type ReleaseName, RELEASES } from "../../src/daxpay/release.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { hmac, readQuery } from "./replies.ts";
import vectors from "./query-vectors.json" with { type: "json" };

/** A body of 3.0.0 whose `data` has these members, signed over this text. */
function reply3(data: string, signedData: string) {
  const text = `code=0&data=${signedData}&resTime=2025-08-26 12:00:01&key=123456`.toUpperCase();
  return `{"code":0,"data":${data},"resTime":"2025-08-26 12:00:01","sign":"${hmac(text)}"}`;
}

/** A body of 2.0.8 with these members of `data`, signed over this text. */
function reply2(data: string, text: string) {
  return `{"msg":"success","code":0,"data":{${data},"sign":"${hmac(`${text}&key=123456`)}"},"traceId":"t"}`;
}

const R1 = { query: { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" } };

describe("readQueryReply() verifies DaxPay's own signature", () => {
  const replies = vectors.filter(({ kind }) => kind === "reply");
  // When each reply was sent, by its resTime.
  const sentAt: Readonly<Record<string, number>> = {
    "2.0.8": 1719475200_000,
    "3.0.0-beta4": Date.UTC(2025, 0, 16, 2, 0, 2),
    "3.0.0": Date.UTC(2025, 7, 26, 2, 0, 2),
  };
  const query = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };

  test("of 2.0.8, and returns what it names", () => {
    const { body } = replies[0];
    const named = { ...query, refundNo: "R24062712000000000002" };
    expect(readQuery("2.0.8", body, { now: sentAt["2.0.8"], query: named })).toMatchObject({
      kind: "report",
      refundNo: "R24062712000000000002",
      bizRefundNo: "BR1",
      orderNo: "P24062712000000000001",
      channel: "wechat_pay",
      daxpayStatus: "close",
      amountFen: 100n,
      finishTime: 1719475100_000,
      errorMessage: undefined,
      appId: undefined,
      binding: "REFUND",
      skewMs: 0,
    });
  });
  test("of 3.0.0-beta4, whose superclass members are signed last and numbers without trailing zeros", () => {
    const { body } = replies[1];
    const context = { now: sentAt["3.0.0-beta4"], query };
    expect(readQuery("3.0.0-beta4", body, context)).toMatchObject({
      kind: "report",
      daxpayStatus: "close",
      amountFen: 100n,
      finishTime: Date.UTC(2025, 0, 16, 2, 0, 1),
      errorMessage: 'a"b\\c/中\n',
      appId: "123",
      binding: "REFUND",
    });
    // The signature covers the digits of an amount, not its zeros, and the order of the other members.
    expect(readQuery("3.0.0-beta4", body.replace("1.0000", "1.00"), context)).toMatchObject({ amountFen: 100n });
    expect(readQuery("3.0.0-beta4", body.replace("1.0000", "1.0001"), context))
      .toMatchObject({ failure: { reason: "REPLY_UNVERIFIED" } });
    expect(readQuery("3.0.0-beta4", body.replace(/("orderNo":"P1"),("refundNo":"R1")/, "$2,$1"), context))
      .toMatchObject({ failure: { reason: "REPLY_UNVERIFIED" } });
    expect(readQuery("3.0.0", body, context)).toMatchObject({ failure: { reason: "REPLY_UNVERIFIED" } });
  });
  test("of 3.0.0, and rejects it for not naming the refund", () => {
    const { body } = replies[2];
    const context = { now: sentAt["3.0.0"], query };
    expect(readQuery("3.0.0", body, context)).toMatchObject({ failure: { reason: "REPLY_MISMATCHED" } });
    expect(readQuery("3.0.0", body.replace('"amount":100.0000', '"amount":10'), context))
      .toMatchObject({ failure: { reason: "REPLY_UNVERIFIED" } });
  });
});

describe("DaxPay.query() signs as the release does", () => {
  test.each(vectors.filter(({ kind }) => kind === "request"))("$release", async ({ release, body }) => {
    const expected = JSON.parse(body);
    const now = release === "3.0.0"
      ? Date.UTC(2025, 7, 26, 2, 0, 1)
      : release === "3.0.0-beta4"
      ? Date.UTC(2025, 0, 16, 2, 0, 1)
      : 1719475199_000;
    let sent: Request | undefined;
    using daxpay = createDaxPay({ ...OPTIONS, release: release as ReleaseName }, {
      fetch: async (input) => {
        sent = new Request("http://x", { method: "POST", body: await (input as Request).text() });
        return new Response("{}");
      },
      now: () => now,
      nonce: () => "n1",
    });
    await expect(daxpay.query({ refundNo: "", bizRefundNo: "BR1", clientIp: "", nonceStr: "" })).rejects
      .toMatchObject({ reason: "REPLY_MALFORMED", step: "QUERY", delivery: "NOT_SENT" });
    expect(await sent?.json()).toEqual(expected);
  });
});

const OPTIONS = {
  url: new URL("http://127.0.0.1:9/prefix/"),
  signType: "HMAC_SHA256",
  secret: "123456",
  appId: "123",
  mchNo: "M1",
  timeoutMs: 1000,
  timeZone: "Asia/Shanghai",
  maxSkewMs: 300_000,
} as const;

/** Whom the sandbox knows. */
const SANDBOX = { ...OPTIONS, appId: "M8207639754663343", mchNo: "M1745845174843" };

describe("DaxPay.query()", () => {
  const query = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "given" };

  test("exists exactly where the release has a query that works", () => {
    const paths = RELEASE_NAMES.map((name) => [name, (RELEASES[name] as Release).query?.path]);
    expect(Object.fromEntries(paths)).toEqual({
      documented: undefined,
      "2.0.6": undefined,
      "2.0.7": "/unipay/query/refundOrder",
      "2.0.8": "/unipay/query/refundOrder",
      "3.0.0-beta4": "/unipay/query/refundOrder",
      "3.0.0": "/unipay/query/refundOrder",
      "4.0.0-beta": "/unipay/query/refund-order",
    });
  });

  test.each(["2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const)(
    "and sync() agree with the sandbox of %s",
    async (release) => {
      const sandbox = await createSandbox({ release });
      try {
        using daxpay = createDaxPay({ ...SANDBOX, url: new URL(sandbox.url), release }, {
          fetch,
          now: Date.now,
          nonce: () => "n",
        });
        const closed = { refundNo: "R-CLOSED", bizRefundNo: "", clientIp: "", nonceStr: "" };
        await expect(daxpay.query(closed)).resolves
          .toMatchObject({
            refundNo: "R-CLOSED",
            daxpayStatus: "close",
            binding: "REFUND",
            amountFen: expect.any(BigInt),
          });
        await expect(daxpay.sync(closed)).resolves.toMatchObject({ binding: "SECRET_ONLY" });
        await expect(daxpay.query({ ...closed, refundNo: "R-UNKNOWN" })).rejects
          .toMatchObject({ reason: "REFUND_NOT_FOUND", step: "QUERY", delivery: "NOT_SENT", replied: true });
        expect(daxpay.skewMs()).toEqual(expect.any(Number));
      } finally {
        await sandbox.close();
      }
    },
  );

  test("rejects with a TypeError where the release has none", async () => {
    using daxpay = createDaxPay({ ...OPTIONS, release: "2.0.6" }, {
      fetch: () => Promise.reject(new Error("expected no request")),
      now: Date.now,
      nonce: () => "n1",
    });
    await expect(daxpay.query(query)).rejects.toThrow(new TypeError("DaxPay 2.0.6 has no refund query"));
  });

  test("replaces the caller's nonce in a retry, and says which step failed", async () => {
    const nonces: string[] = [];
    const urls: string[] = [];
    using daxpay = createDaxPay({ ...OPTIONS, release: "2.0.8" }, {
      fetch: async (input) => {
        const request = input as Request;
        urls.push(request.url);
        nonces.push(JSON.parse(await request.text()).nonceStr);
        return new Response('{"msg":"系统错误","code":10001,"data":null,"traceId":"t"}');
      },
      now: Date.now,
      nonce: () => "fresh",
    });
    await expect(daxpay.query(query)).rejects
      .toMatchObject({ reason: "UPSTREAM_ERROR", step: "QUERY", delivery: "NOT_SENT", replied: true, retryable: true });
    await expect(daxpay.query(query, { retry: true, confirm: true })).rejects
      .toMatchObject({ step: "CONFIRM", delivery: "ANSWERED" });
    await expect(daxpay.sync(query)).rejects.toMatchObject({ step: "SYNC", delivery: "ANSWERED" });
    expect(nonces).toEqual(["given", "fresh", "given"]);
    expect(urls).toEqual([
      "http://127.0.0.1:9/prefix/unipay/query/refundOrder",
      "http://127.0.0.1:9/prefix/unipay/query/refundOrder",
      "http://127.0.0.1:9/prefix/unipay/sync/refund",
    ]);
  });
});

describe("readQueryReply() rejects", () => {
  const base = '"code":0,"resTime":1715576198,"status":"success"';
  test.each([
    ["another refund", `${base},"refundNo":"R2"`, "code=0&refundNo=R2&resTime=1715576198&status=success"],
    ["a refund without a number", `${base},"title":"R1"`, "code=0&resTime=1715576198&status=success&title=R1"],
    ["a payment", `${base},"orderNo":"R1"`, "code=0&orderNo=R1&resTime=1715576198&status=success"],
  ])("a genuine reply about %s", (_what, data, text) => {
    expect(readQuery("2.0.8", reply2(data, text), R1)).toMatchObject({ failure: { reason: "REPLY_MISMATCHED" } });
  });

  test("a sync's reply", () => {
    const body = reply2(base, "code=0&resTime=1715576198&status=success");
    expect(readQuery("2.0.8", body, R1)).toMatchObject({ failure: { reason: "REPLY_MISMATCHED" } });
  });

  test.each(["0.001", "-1", "1.005"])("an amount of %s yuan", (amount) => {
    const members = (value: string) => `refundNo:R1,amount:${value},status:success`;
    const body = reply3(`{"refundNo":"R1","amount":${amount},"status":"success"}`, `{${members(amount)}}`);
    expect(readQuery("3.0.0", body, R1)).toMatchObject({ failure: { reason: "REPLY_MALFORMED" } });
  });

  test("an unsigned 20041, and accepts a signed one without a time", () => {
    const body = '{"code":20041,"msg":"退款订单不存在","data":null,"resTime":null,"traceId":null}';
    expect(readQuery("3.0.0", body, R1)).toMatchObject({ failure: { reason: "REPLY_UNVERIFIED" } });
    const signed = body.replace(
      '"data":null',
      `"data":null,"sign":"${hmac("CODE=20041&MSG=退款订单不存在&KEY=123456")}"`,
    );
    expect(readQuery("3.0.0", signed, R1)).toMatchObject({
      failure: { reason: "REFUND_NOT_FOUND" },
      skewMs: undefined,
    });
  });

  test("a release without a query", () => {
    expect(() => readQuery("documented", "{}")).toThrow(TypeError);
  });
});

describe("fenFrom() is exact", () => {
  test.each(
    [
      ["100.0000", "yuan", 10000n],
      ["0.01", "yuan", 1n],
      ["0.0100", "yuan", 1n],
      ["0.1", "yuan", 10n],
      ["19.99", "yuan", 1999n],
      ["90071992547409.93", "yuan", 9007199254740993n],
      ["1E+2", "yuan", 10000n],
      ["0.0000", "yuan", 0n],
      ["1000", "fen", 1000n],
      ["1000.00", "fen", 1000n],
      ["1000.5", "fen", undefined],
      ["0.001", "yuan", undefined],
      ["-1", "yuan", undefined],
      ["1e999999999", "yuan", undefined],
      ["ten", "yuan", undefined],
    ] as const,
  )("%s %s: %s", (text, unit, fen) => expect(fenFrom(text, unit)).toBe(fen));
});

describe("plainDecimal() writes as BigDecimal.stripTrailingZeros().toPlainString()", () => {
  test.each([
    ["100.0000", "100"],
    ["10.10", "10.1"],
    ["0.0000", "0"],
    ["-0.50", "-0.5"],
    ["1E+2", "100"],
    ["1.5e1", "15"],
    ["1e-3", "0.001"],
    ["12.5e-3", "0.0125"],
    ["007", "7"],
    ["x", undefined],
  ])("%s: %s", (text, expected) => expect(plainDecimal(text)).toBe(expected));
});
