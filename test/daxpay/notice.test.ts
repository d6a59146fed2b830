import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createNoticeReader } from "../../src/daxpay/notice.ts";
import { MAX_NOTICE_BYTES, type NoticeRejectionReason } from "../../src/daxpay/notice.ts";
import { NOTICE_2_0_7, NOTICE_RELEASES, NOTICES, read, signed, SUBSCRIBED_NOTICE_3, UNSIGNED_4 } from "./notices.ts";
import { NOW_4, PLATFORM_PUBLIC, privateKeyOf, publicKeyOf, signed4, V4 } from "./v4.ts";

const NOTICED_3 = Date.UTC(2025, 7, 26, 4, 0, 1);

/** What a rejection must match. */
const rejected = (reason: NoticeRejectionReason, message: string = "") => ({
  kind: "rejection",
  reason,
  message: expect.stringContaining(message),
});

/** Real notices of payments, as DaxPay's SDK has them: of 3.0.0, and of a build before it, whose `data` is not sorted. */
const PAYMENT_3 = {
  secret: "bc5b5d592cc34434a27fb57fe923dacc5374da52a4174ff5874768a8215e5fd3",
  body: '{"mchNo":"M1745845174843","appId":"A0646259306964009","code":0,"msg":"success",' +
    '"data":{"bizOrderNo":"PAY_492854192101747473544745","orderNo":"DEV_P2025051717190770000003","title":"测试支付",' +
    '"allocation":false,"autoAllocation":false,"channel":"alipay_isv","method":"other","otherMethod":"WX_JSAPI",' +
    '"amount":0.01,"refundableBalance":0.01,"status":"close","refundStatus":"no_refund",' +
    '"closeTime":"2025-05-18 10:14:14","expiredTime":"2025-05-17 21:41:28"},' +
    '"sign":"86604c1eb66dc3ef22de28be09d993cb91eb46bcd77ee51b0142240ae7ba50fe","resTime":"2025-06-05 17:46:54",' +
    '"traceId":"nu2Pezn0FvKd"}',
};
const PAYMENT_BEFORE_3 = {
  secret: "123456",
  body: '{"noticeType":"pay","mchNo":"M1723635576766","appId":"M8088873888246277","code":0,"msg":"success",' +
    '"data":{"bizOrderNo":"20250221230917","orderNo":"DEV_P2025022123091870000001","title":"扫码支付",' +
    '"allocation":false,"autoAllocation":false,"channel":"ali_pay","method":"barcode","amount":0.01,' +
    '"refundableBalance":0.01,"status":"close","refundStatus":"no_refund","closeTime":"2025-02-21 23:40:00",' +
    '"expiredTime":"2025-02-21 23:39:18","errorMsg":"支付失败: 支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款，' +
    '如再次收款失败，请联系管理员处理。[SOUNDWAVE_PARSER_FAIL]"},' +
    '"sign":"91ba428dc3a6ca17051d1835c8d24703cf2e10434acb337b0a43cc081f7fe45c","resTime":"2025-04-10 23:45:42",' +
    '"traceId":"BgSPIlOLsRBx"}',
};

describe("readNotice() returns what the notice says", () => {
  test("of 2.0.6", () => {
    expect(read("2.0.6", NOTICES["2.0.6"])).toEqual({
      kind: "notice",
      refundNo: "DEVR1",
      bizRefundNo: "BR1",
      daxpayStatus: "close",
      noticedAt: 1715576198_000,
      finishTime: undefined,
      orderNo: undefined,
      appId: undefined,
      mchNo: undefined,
      eventId: undefined,
    });
  });
  test.each(["2.0.7", "2.0.8"] as const)("of %s, as DaxPay's documentation has it", (release) => {
    expect(read(release, NOTICE_2_0_7)).toMatchObject({
      kind: "notice",
      refundNo: "DEVR24051621570763000004",
      bizRefundNo: "DEVR24051621570763000003",
      daxpayStatus: "success",
      noticedAt: 1715867834_000,
      finishTime: 1715867828_000,
      orderNo: "DEVP24051621525063000002",
    });
  });
  test("of 3.0.0-beta4, which names the application in its data", () => {
    expect(read("3.0.0-beta4", NOTICES["3.0.0-beta4"])).toMatchObject({
      refundNo: "DEVR1",
      bizRefundNo: "BR1",
      daxpayStatus: "success",
      noticedAt: NOTICED_3,
      finishTime: NOTICED_3 - 1_000,
      orderNo: "P1",
      appId: "M8207639754663343",
      mchNo: undefined,
    });
  });
  test("of 3.0.0, which signs its data sorted", () => {
    expect(read("3.0.0", NOTICES["3.0.0"])).toMatchObject({
      refundNo: "DEVR1",
      daxpayStatus: "success",
      noticedAt: NOTICED_3,
      finishTime: NOTICED_3 - 1_000,
      orderNo: "P1",
      appId: "M8207639754663343",
      mchNo: "M1745845174843",
    });
  });
  test("of 3.0.0 to a subscriber", () => {
    expect(read("3.0.0", SUBSCRIBED_NOTICE_3)).toMatchObject({ refundNo: "DEVR1", daxpayStatus: "fail" });
  });
  test("of 4.0.0-beta, whatever the configured time zone", () => {
    expect(read("4.0.0-beta", NOTICES["4.0.0-beta"], { timeZone: "America/New_York" })).toMatchObject({
      refundNo: "R1",
      bizRefundNo: "BR1",
      daxpayStatus: "success",
      noticedAt: NOW_4,
      finishTime: NOW_4 - 6_000,
      orderNo: "T1",
      appId: "M8207639754663343",
      mchNo: "M200000001",
      eventId: "1990000000000000001",
    });
  });
  test("of 4.0.0-beta from before the event id, for an account without an application", () => {
    const [body, text] = UNSIGNED_4.map((one) => one.replace(/"eventId":"\d+",/, "").replace(/&eventId=\d+/, ""));
    expect(read("4.0.0-beta", signed4(body, text), { appId: "" })).toMatchObject({
      kind: "notice",
      eventId: undefined,
    });
  });
});

describe.each(NOTICE_RELEASES)("readNotice() of %s", (release) => {
  const body = NOTICES[release];
  const genuine = read(release, body);

  test("rejects a notice whose signature is missing or wrong", () => {
    for (const sign of ['""', "null", '"0"', `"${"0".repeat(64)}"`]) {
      const forged = body.replace(/"sign":"[^"]+"/, `"sign":${sign}`);
      expect(read(release, forged)).toMatchObject(rejected("UNVERIFIED"));
    }
    expect(read(release, body.replace(/,?"sign":"[^"]+"/, ""))).toMatchObject(
      rejected("UNVERIFIED", "it carries no signature"),
    );
  });

  test("rejects a notice with any changed byte, or says the same", () => {
    const bytes = new TextEncoder().encode(body);
    let unverified = 0;
    for (let at = 0; at < bytes.length; at++) {
      const forged = bytes.slice();
      forged[at] ^= [1, 2, 4, 8, 16, 32, 64, 128][at % 8];
      const result = read(release, forged);
      // The case of 3.0.0's texts is not proven, since it upper-cases before it signs.
      if (result.kind === "notice") {
        expect(JSON.stringify(result).toLowerCase()).toBe(JSON.stringify(genuine).toLowerCase());
      } else if (result.reason === "UNVERIFIED") unverified++;
    }
    expect(unverified).toBeGreaterThan(bytes.length / 2);
  });

  test("rejects the notices of the releases whose form differs", () => {
    const formOf = (name: string) => /^2/.test(name) ? "flat" : /^3/.test(name) ? "3.x" : "4.x";
    for (const other of NOTICE_RELEASES.filter((name) => formOf(name) !== formOf(release))) {
      expect(read(release, NOTICES[other])).toMatchObject(rejected("OTHER_RELEASE"));
    }
  });

  test("rejects what is no notice", () => {
    const bodies = [
      "",
      "SUCCESS",
      "[]",
      "null",
      "{}",
      '{"data":[]}',
      '{"code":0,"code":0}',
      "\xff",
      "[".repeat(60_000),
    ];
    for (const garbage of bodies) expect(read(release, garbage).kind).toBe("rejection");
    expect(read(release, Uint8Array.of(0xff))).toMatchObject(rejected("MALFORMED", "expected JSON"));
  });

  test("accepts 64 KiB and rejects one byte more", () => {
    const padding = MAX_NOTICE_BYTES - new TextEncoder().encode(body).length;
    expect(read(release, body + " ".repeat(padding))).toEqual(genuine);
    expect(read(release, body + " ".repeat(padding + 1))).toMatchObject(
      rejected("MALFORMED", "expected at most 65536 bytes"),
    );
  });

  test("never throws", () => {
    const cut = fc.tuple(fc.nat(body.length), fc.nat(body.length), fc.string({ unit: "binary", maxLength: 20 }))
      .map(([from, to, text]) => body.slice(0, from) + text + body.slice(to));
    const name = fc.constantFrom("code", "data", "sign", "refundNo", "status", "resTime", "event", "mchNo", "appId");
    const tree = fc.object({ key: fc.oneof(name, fc.string()), maxDepth: 2 }).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(cut, tree, fc.json()), (text) => {
        const result = read(release, text);
        if (result.kind === "notice") {
          expect(JSON.stringify(result).toLowerCase()).toBe(JSON.stringify(genuine).toLowerCase());
        } else expect(result.message.length).toBeLessThan(1_000);
      }),
      { numRuns: 500 },
    );
  });
});

describe("readNotice() rejects", () => {
  test.each(["2.0.6", "2.0.7", "3.0.0-beta4", "3.0.0"] as const)("a notice of %s by another secret", (release) => {
    const body = NOTICES[release];
    expect(read(release, body, { secrets: ["654321"] })).toMatchObject(rejected("UNVERIFIED"));
    expect(read(release, body, { secrets: ["654321", "123456"] }).kind).toBe("notice");
  });

  test("a notice of 4.0.0-beta by another key than the platform's", () => {
    const other = signed4(...UNSIGNED_4, privateKeyOf(V4.keys.merchant.privatePkcs8));
    expect(read("4.0.0-beta", other)).toMatchObject(rejected("UNVERIFIED"));
  });

  test("the notice of a payment, by the signatures of real ones", () => {
    for (const { body, secret } of [PAYMENT_3, PAYMENT_BEFORE_3]) {
      expect(read("3.0.0", body, { secrets: [secret] })).toMatchObject(rejected("NOT_A_REFUND"));
      expect(read("3.0.0", body.replace("close", "fail"), { secrets: [secret] })).toMatchObject(rejected("UNVERIFIED"));
    }
    const payment = signed(
      '{"code":0,"orderNo":"P1","status":"success","resTime":1715576198,"sign":""}',
      "code=0&orderNo=P1&resTime=1715576198&status=success&key=123456",
    );
    expect(read("2.0.8", payment)).toMatchObject(rejected("NOT_A_REFUND", 'without "refundNo"'));
    const [body, text] = UNSIGNED_4.map((one) => one.replace("refund.success", "pay.success"));
    expect(read("4.0.0-beta", signed4(body, text))).toMatchObject(rejected("NOT_A_REFUND", 'got "pay.success"'));
  });

  test("a notice about another application's or merchant's refund", () => {
    const other = { appId: "M1" };
    for (const release of ["3.0.0-beta4", "3.0.0", "4.0.0-beta"] as const) {
      expect(read(release, NOTICES[release], other)).toMatchObject(
        rejected("OTHER_APPLICATION", 'Expected "appId" to be "M1", got "M8207639754663343"'),
      );
    }
    for (const release of ["3.0.0", "4.0.0-beta"] as const) {
      expect(read(release, NOTICES[release], { mchNo: "M2" })).toMatchObject(
        rejected("OTHER_APPLICATION", 'Expected "mchNo" to be "M2"'),
      );
    }
  });

  test("a notice of 4.0.0-beta that names no merchant, since one key signs for all", () => {
    const [body, text] = UNSIGNED_4.map((one) => one.replace(/"?&?mchNo"?[:=]"?M200000001"?,?/, ""));
    expect(read("4.0.0-beta", signed4(body, text))).toMatchObject(rejected("MALFORMED", 'expected member "mchNo"'));
  });

  test("every notice of a release that has none", () => {
    expect(read("documented", NOTICE_2_0_7)).toMatchObject(rejected("UNSUPPORTED"));
  });

  const incomplete: readonly (readonly [what: string, body: string, text: string])[] = [
    ["code", '{"refundNo":"R","status":"success","resTime":1,"sign":""}', "refundNo=R&resTime=1&status=success"],
    [
      "code",
      '{"code":1,"refundNo":"R","status":"close","resTime":1,"sign":""}',
      "code=1&refundNo=R&resTime=1&status=close",
    ],
    ["status", '{"code":0,"refundNo":"R","resTime":1,"sign":""}', "code=0&refundNo=R&resTime=1"],
    ["resTime", '{"code":0,"refundNo":"R","status":"fail","sign":""}', "code=0&refundNo=R&status=fail"],
    [
      "resTime",
      '{"code":0,"refundNo":"R","status":"fail","resTime":"x","sign":""}',
      "code=0&refundNo=R&resTime=x&status=fail",
    ],
    [
      "refundNo",
      '{"code":0,"refundNo":7,"status":"fail","resTime":1,"sign":""}',
      "code=0&refundNo=7&resTime=1&status=fail",
    ],
  ];
  test.each(incomplete)("a genuine notice without a usable %s: %s", (what, body, text) => {
    expect(read("2.0.8", signed(body, `${text}&key=123456`))).toMatchObject(
      rejected("MALFORMED", `expected member "${what}"`),
    );
  });
});

describe("readNotice() rejects another notice with the signed string of a genuine one", () => {
  const text = "code=0&reason=x&refundNo=EVIL&resA=y&refundNo=R1&resTime=1715576198&status=success&key=123456";
  test.each([
    [
      "in its reason",
      '{"code":0,"reason":"x&refundNo=EVIL&resA=y","refundNo":"R1","resTime":1715576198,"status":"success","sign":""}',
    ],
    [
      "in its names",
      '{"code":0,"reason":"x","refundNo":"EVIL","refundNo\\"":"x","resA":"y","status":"success","sign":""}',
    ],
    [
      "split up",
      '{"code":0,"reason":"x","refundNo":"EVIL","resA":"y&refundNo=R1","resTime":1715576198,"status":"success","sign":""}',
    ],
    [
      "hidden by a quote",
      '{"code":0,"reason":"x","refundNo":"EVIL","resA":"y&refund\\"No=R1","resTime":1715576198,"status":"success","sign":""}',
    ],
  ])("of 2.x %s", (_where, body) => {
    expect(read("2.0.8", signed(body, text))).toMatchObject(rejected("UNVERIFIED"));
  });

  test("of 3.x", () => {
    const body = '{"code":0,"data":{"reason":"x","refundNo":"EVIL","title":"y,refundNo:R1","status":"success"},' +
      '"resTime":"2025-08-26 12:00:01","sign":""}';
    const signedText = "code=0&data={reason:x,refundNo:EVIL,title:y,refundNo:R1,status:success}" +
      "&resTime=2025-08-26 12:00:01&key=123456";
    expect(read("3.0.0-beta4", signed(body, signedText))).toMatchObject(rejected("UNVERIFIED", "fits other notices"));
  });

  test("of 4.x", () => {
    const merged = UNSIGNED_4[0]
      .replace('"reason":"测试 & 退款","refundNo":"R1"', '"reason":"测试 & 退款&data.refundNo=R1"');
    expect(read("4.0.0-beta", signed4(merged, UNSIGNED_4[1]))).toMatchObject(
      rejected("UNVERIFIED", "fits other notices"),
    );
    const moved = UNSIGNED_4[0].replace('"data":{', '"data.refundNo":"R1","data":{').replace(
      '"refundNo":"R1","status"',
      '"status"',
    );
    expect(read("4.0.0-beta", signed4(moved, UNSIGNED_4[1]))).toMatchObject(
      rejected("UNVERIFIED", "fits other notices"),
    );
  });
});

describe("createNoticeReader()", () => {
  const options = {
    url: new URL("http://daxpay.test"),
    signType: "HMAC_SHA256",
    secret: "654321",
    previousSecret: "123456",
    mchNo: "M200000001",
    timeoutMs: 1_000,
    timeZone: "Asia/Shanghai",
    maxSkewMs: 300_000,
  } as const;
  const now = () => NOW_4;
  const bytes = (body: string) => new TextEncoder().encode(body);

  test("accepts the previous secret", () => {
    const read = createNoticeReader({ ...options, release: "2.0.7" }, now);
    expect(read(bytes(NOTICE_2_0_7))).toMatchObject({ kind: "notice", daxpayStatus: "success" });
    expect(read(bytes("{}"))).toMatchObject(rejected("UNVERIFIED"));
  });

  test("accepts any of the platform's keys", () => {
    const keys = { privateKey: privateKeyOf(V4.keys.merchant.privatePkcs8) };
    const other = publicKeyOf(V4.keys.merchant.publicSpki);
    const read = createNoticeReader(
      { ...options, ...keys, release: "4.0.0-beta", platformKeys: [other, PLATFORM_PUBLIC] },
      now,
    );
    expect(read(bytes(NOTICES["4.0.0-beta"]))).toMatchObject({ kind: "notice", refundNo: "R1" });
    const foreign = createNoticeReader({ ...options, ...keys, release: "4.0.0-beta", platformKeys: [other] }, now);
    expect(foreign(bytes(NOTICES["4.0.0-beta"]))).toMatchObject(rejected("UNVERIFIED"));
  });
});
