import { describe, expect, test } from "vitest";
import { failed, hmac, md5, NOW_2, read, report, SIGNED_2, SIGNED_3, SIGNED_BETA4 } from "./replies.ts";

const envelope = (data: string) => `{"msg":"success","code":0,"data":${data},"traceId":"sIV4zJVhZ4Uz"}`;

describe("readReply() of the interface page's replies", () => {
  const page = envelope(
    '{"status":"pay_not_found","code":0,"resTime":1715576198,"sign":"913e925dcda0f68787b8ade8c0c34064a0b71cd008ba3377b42333c0da0c9df9"}',
  );
  const failure = (code: string, sign: string) =>
    envelope(`{"sign":"${sign}","code":${code},"msg":"当前订单不存在","resTime":1715345296}`);
  const at = { now: 1715345296_000 };

  test("success: returns the status, DaxPay's time and the trace id", () => {
    expect(read("documented", page)).toEqual({
      kind: "report",
      refundNo: undefined,
      bizRefundNo: undefined,
      daxpayStatus: "pay_not_found",
      repliedAt: 1715576198_000,
      daxpayTraceId: "sIV4zJVhZ4Uz",
      skewMs: 0,
      binding: "SECRET_ONLY",
      proof: {
        signature: "913e925dcda0f68787b8ade8c0c34064a0b71cd008ba3377b42333c0da0c9df9",
        algorithm: "HMAC_SHA256",
        fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    });
  });
  test("failure as printed: rejects its signature", () => {
    const printed = failure('"1"', "2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557");
    expect(read("documented", printed, at)).toMatchObject(failed("REPLY_UNVERIFIED", 1));
  });
  const signed = hmac("code=1&msg=当前订单不存在&resTime=1715345296&key=123456");
  test("failure signed properly: accepts a code that is a string or a number", () => {
    expect(read("documented", failure('"1"', signed), at)).toMatchObject(failed("REFUND_NOT_FOUND", 1));
    expect(read("documented", failure("1", signed), at)).toMatchObject(failed("REFUND_NOT_FOUND", 1));
  });
  test("genuine, but of another time: rejects it", () => {
    expect(read("documented", failure("1", signed), { now: NOW_2 })).toMatchObject(failed("REPLY_MISMATCHED"));
  });
});

describe("readReply() of each release's replies", () => {
  const unknown2 = "db40bd6a5a52138f395fe67db83e00348eec5c4f9a450ac908f7dbaa8099fd72";
  const unknown3 = "0b12bc95e6804844dae98713f6bbfe4c41d43955aed21bb3e0a4be527d9506e3";
  const cases = [
    ["2.0.8", SIGNED_2, report("refund_success")],
    [
      "2.0.6",
      envelope(`{"code":1,"msg":"未查询到退款订单","resTime":1715576198,"sign":"${unknown2}"}`),
      failed("REFUND_NOT_FOUND", 1),
    ],
    ["3.0.0-beta4", SIGNED_BETA4, report("success")],
    ["3.0.0", SIGNED_3, report("success")],
    [
      "3.0.0",
      `{"code":20041,"msg":"未查询到退款订单","data":null,"sign":"${unknown3}","resTime":null,"traceId":null}`,
      failed("REFUND_NOT_FOUND", 20041),
    ],
    [
      "2.0.7",
      '{"msg":"退款同步处理中，请勿重复操作","code":10007,"data":null,"traceId":"v"}',
      failed("SYNC_IN_PROGRESS", 10007),
    ],
    ["3.0.0", '{"msg":"验签失败","code":20052,"data":null,"traceId":"v"}', failed("SIGNATURE_REJECTED", 20052)],
  ] as const;
  test.each(cases)("%s: %s", (release, body, expected) => expect(read(release, body)).toMatchObject(expected));

  test("verifies MD5 on 2.x, and SM3 on beta4", () => {
    const rule = { algorithm: "MD5", upperCase: false } as const;
    const body = SIGNED_2.replace(/"sign":"\w+"/, '"sign":"3bb4db8c25a30a3a360e055b9f9fc453"');
    expect(read("2.0.8", body, { rule })).toMatchObject(report("refund_success"));
    const sm3 = SIGNED_BETA4.replace(
      /"sign":"\w+"/,
      '"sign":"2c3b8b12ec423a6d3525064edc8fbdaf57bb39fe76761ac3fef4d6bdecaa3bb9"',
    );
    expect(read("3.0.0-beta4", sm3, { rule: { algorithm: "SM3", upperCase: false } })).toMatchObject(report("success"));
  });

  test("accepts the previous secret, and no other", () => {
    expect(read("2.0.8", SIGNED_2, { secrets: ["new", "123456"] })).toMatchObject(report("refund_success"));
    expect(read("2.0.8", SIGNED_2, { secrets: ["new"] })).toMatchObject(failed("REPLY_UNVERIFIED"));
  });

  test("accepts a signature in upper-case hex", () => {
    expect(read("2.0.8", SIGNED_2.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase()))).toMatchObject(
      report("refund_success"),
    );
  });
});

describe("readReply() rejects what no signature covers", () => {
  const unsigned = '{"code":0,"msg":null,"resTime":1715576198,"status":"refund_success"}';
  const cases = [
    ["2.0.8", envelope(unsigned), failed("REPLY_UNVERIFIED")],
    ["2.0.8", envelope("null"), failed("REPLY_UNVERIFIED")],
    ["2.0.8", '{"code":0}', failed("REPLY_UNVERIFIED")],
    ["3.0.0", SIGNED_3.replace(/"sign":"\w+"/, '"sign":null'), failed("REPLY_UNVERIFIED")],
    ["3.0.0", '{"code":20041,"msg":"未查询到退款订单","data":null,"traceId":null}', failed("REPLY_UNVERIFIED", 20041)],
    // The envelope of 2.x is not covered by the signature within.
    ["2.0.8", SIGNED_2.replace('"code":0,"data"', '"code":20041,"data"'), failed("REPLY_UNVERIFIED", 20041)],
    // A reply of one release is no reply of another.
    ["2.0.8", SIGNED_BETA4, failed("REPLY_UNVERIFIED")],
    ["3.0.0", SIGNED_BETA4, failed("REPLY_UNVERIFIED")],
    ["3.0.0-beta4", SIGNED_2, failed("REPLY_UNVERIFIED")],
    ["3.0.0-beta4", SIGNED_3, failed("REPLY_UNVERIFIED")],
    // A failure with a wrong signature is rejected as well.
    [
      "3.0.0-beta4",
      '{"code":20052,"msg":"验签失败","data":null,"sign":"00","resTime":"2025-08-26 12:00:01","traceId":"t"}',
      failed("REPLY_UNVERIFIED", 20052),
    ],
  ] as const;
  test.each(cases)("%s: %s", (release, body, expected) => expect(read(release, body)).toMatchObject(expected));
});

describe("readReply() of a genuine reply about", () => {
  const signed = (members: string, text: string) => envelope(`{${members},"sign":"${hmac(`${text}&key=123456`)}"}`);
  const base = '"code":0,"resTime":1715576198';
  const cases = [
    [
      "another refund",
      signed(`${base},"refundNo":"R2","status":"success"`, "code=0&refundNo=R2&resTime=1715576198&status=success"),
      failed("REPLY_MISMATCHED"),
    ],
    [
      "this refund",
      signed(
        `${base},"refundNo":"DEVR24051020531763000004","bizRefundNo":"B1","status":"success"`,
        "bizRefundNo=B1&code=0&refundNo=DEVR24051020531763000004&resTime=1715576198&status=success",
      ),
      report("success"),
    ],
    [
      "a payment",
      signed(`${base},"orderNo":"P1","status":"success"`, "code=0&orderNo=P1&resTime=1715576198&status=success"),
      failed("REPLY_MISMATCHED"),
    ],
    [
      "301 s ago",
      signed('"code":0,"resTime":1715575896,"status":"success"', "code=0&resTime=1715575896&status=success"),
      failed("REPLY_MISMATCHED"),
    ],
    [
      "300 s ago",
      signed('"code":0,"resTime":1715575898,"status":"success"', "code=0&resTime=1715575898&status=success"),
      report("success"),
    ],
    [
      "301 s ahead",
      signed('"code":0,"resTime":1715576499,"status":"success"', "code=0&resTime=1715576499&status=success"),
      failed("REPLY_MISMATCHED"),
    ],
  ] as const;
  test.each(cases)("%s", (_name, body, expected) => expect(read("2.0.7", body)).toMatchObject(expected));
  test("another refund than bizRefundNo names, where only that was given", () => {
    const query = { refundNo: "", bizRefundNo: "B1", clientIp: "", nonceStr: "" };
    const body = signed(
      `${base},"bizRefundNo":"B2","status":"success"`,
      "bizRefundNo=B2&code=0&resTime=1715576198&status=success",
    );
    expect(read("2.0.7", body, { query })).toMatchObject(failed("REPLY_MISMATCHED"));
  });
});

describe("readReply() rejects what is no reply of DaxPay", () => {
  const signed = (members: string, text: string) => envelope(`{${members},"sign":"${hmac(`${text}&key=123456`)}"}`);
  const bodies: readonly (readonly [name: string, body: string | Uint8Array])[] = [
    ["nothing", ""],
    ["no JSON", "<html>"],
    ["cut off", SIGNED_2.slice(0, 100)],
    ["two values", SIGNED_2 + SIGNED_2],
    ["a list", `[${SIGNED_2}]`],
    ["no code", '{"msg":"x","data":null}'],
    ["a code that is no whole number", '{"code":1.5}'],
    ["a code that is too long", '{"code":12345678901}'],
    ["a code that is a word", '{"code":"zero"}'],
    ["a text that is none", '{"code":10001,"msg":7}'],
    ["a trace id that is none", '{"code":10001,"traceId":{}}'],
    ["data that is a text", '{"code":0,"data":"{}"}'],
    ["a signature that is a number", envelope('{"code":0,"sign":7}')],
    ["two members of one name", '{"code":10001,"code":10001}'],
    ["two members that differ in case only", '{"code":10001,"Code":0}'],
    ["two members of one name within data", SIGNED_2.replace('"status"', '"status":"refund_success","status"')],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["brackets without end", "[".repeat(60_000)],
    ["objects without end", '{"a":'.repeat(12_000)],
    ["more than 64 KiB", `{"code":10001,"msg":"${"x".repeat(65_536)}"}`],
    ["no status", signed('"code":0,"resTime":1715576198', "code=0&resTime=1715576198")],
    [
      "a status that is a number",
      signed('"code":0,"resTime":1715576198,"status":5', "code=0&resTime=1715576198&status=5"),
    ],
    ["no time", signed('"code":0,"status":"success"', "code=0&status=success")],
    ["a time that is none", signed('"code":0,"resTime":"now","status":"success"', "code=0&resTime=now&status=success")],
    ["no inner code", signed('"resTime":1715576198,"status":"success"', "resTime=1715576198&status=success")],
  ];
  for (const [name, body] of bodies) {
    test(`${name}, as REPLY_MALFORMED`, () => {
      const reply = read("2.0.8", body);
      const message = expect.stringMatching(/^Cannot read the reply: \S/);
      expect(reply).toMatchObject({ kind: "failure", failure: { reason: "REPLY_MALFORMED", message } });
    });
  }
  test("a time of 3.x that no calendar has", () => {
    const text = "CODE=0&DATA={ORDERSTATUS:SUCCESS}&RESTIME=2025-02-30 12:00:01&KEY=123456";
    const body = `{"code":0,"data":{"orderStatus":"success"},"resTime":"2025-02-30 12:00:01","sign":"${hmac(text)}"}`;
    expect(read("3.0.0", body)).toMatchObject(failed("REPLY_MALFORMED"));
  });
});

test("readReply() verifies 3.x's nested data with hutool's escapes, their backslashes deleted", () => {
  const text = "code=0&data={orderStatus:success,note:lineu000bbreak}&resTime=2025-08-26 12:00:01&key=123456";
  const body =
    `{"code":0,"data":{"orderStatus":"success","note":"line\\u000bbreak"},"resTime":"2025-08-26 12:00:01","sign":"${
      md5(text)
    }"}`;
  expect(read("3.0.0-beta4", body, { rule: { algorithm: "MD5", upperCase: false } })).toMatchObject(report("success"));
});

test("readReply() measures the skew against DaxPay's whole second", () => {
  for (const [now, skewMs] of [[NOW_2 + 999, 0], [NOW_2 + 20_999, -20_000], [NOW_2 - 5_000, 5_000]]) {
    expect(read("2.0.8", SIGNED_2, { now })).toMatchObject({ skewMs });
  }
});
