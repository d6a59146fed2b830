import { expect, test } from "vitest";
import { signedRequest } from "../../src/daxpay/request.ts";
import { type Release, RELEASES } from "../../src/daxpay/release.ts";
import { createSigner } from "../../src/daxpay/signer.ts";

const secret = "123456";
const nonce = () => "d112892e382a7093";
const identity = { appId: "M8207639754663343", mchNo: "M1745845174843" };
const asked = { refundNo: "", bizRefundNo: "", clientIp: "127.0.0.1", nonceStr: "" };

function body(name: keyof typeof RELEASES, query: Partial<typeof asked>, now: number, timeZone = "Asia/Shanghai") {
  const release: Release = RELEASES[name];
  const signer = createSigner(name, { signType: "HMAC_SHA256", secret });
  return signedRequest({ ...asked, ...query }, { release, signer, identity, timeZone, now, nonce }).body;
}

test("signedRequest() of documented: the interface page's own request, to the letter", () => {
  expect(JSON.parse(body("documented", { refundNo: "DEVR24051020531763000004" }, 1715575932_000))).toEqual({
    refundNo: "DEVR24051020531763000004",
    clientIp: "127.0.0.1",
    sign: "a375e5517062966dab81b84fec9586a4f88e38f1385f6350ce200a27d32190d7",
    reqTime: 1715575932,
  });
  expect(RELEASES.documented.path).toBe("/unipay/sync/pay");
});

for (const name of ["2.0.6", "2.0.7"] as const) {
  test(`signedRequest() of ${name} holds no nonce, even a given one`, () => {
    const sent = JSON.parse(
      body(name, { refundNo: "DEVR24051020531763000004", nonceStr: "d112892e382a7093" }, 1715575932_999),
    );
    expect(sent.sign).toBe("a375e5517062966dab81b84fec9586a4f88e38f1385f6350ce200a27d32190d7");
    expect(Object.keys(sent).sort()).toEqual(["clientIp", "refundNo", "reqTime", "sign"]);
  });
}

test("signedRequest() of documented holds a nonce only where one was given, of 2.0.8 always", () => {
  expect(JSON.parse(body("documented", { nonceStr: "abc" }, 0)).nonceStr).toBe("abc");
  expect(JSON.parse(body("documented", {}, 0))).not.toHaveProperty("nonceStr");
  expect(JSON.parse(body("2.0.8", {}, 0)).nonceStr).toBe("d112892e382a7093");
  expect(JSON.parse(body("2.0.8", { nonceStr: "abc" }, 0)).nonceStr).toBe("abc");
});

test("signedRequest() of 3.0.0-beta4: DaxPay's own signature, time text in the server's zone, no mchNo", () => {
  const now = Date.UTC(2025, 7, 26, 4, 0, 0, 999);
  expect(JSON.parse(body("3.0.0-beta4", { refundNo: "DEV_R2025041011160870000002" }, now))).toEqual({
    refundNo: "DEV_R2025041011160870000002",
    appId: "M8207639754663343",
    clientIp: "127.0.0.1",
    nonceStr: "d112892e382a7093",
    reqTime: "2025-08-26 12:00:00",
    sign: "547870f0a5141ecbc62066fdb416abd4a24391c6704c1338d869d3f424daf222",
  });
});

test("signedRequest() of 3.0.0: with mchNo and upper-cased", () => {
  const now = Date.UTC(2025, 7, 26, 4);
  expect(JSON.parse(body("3.0.0", { refundNo: "DEV_R2025041011160870000002" }, now))).toEqual({
    refundNo: "DEV_R2025041011160870000002",
    appId: "M8207639754663343",
    mchNo: "M1745845174843",
    clientIp: "127.0.0.1",
    nonceStr: "d112892e382a7093",
    reqTime: "2025-08-26 12:00:00",
    sign: "b6cefb11543c8597b27b2577b6dbbfe0e499559224d0dce54693aa9e0bce4e5d",
  });
});

test("signedRequest() writes 3.x times in the configured zone", () => {
  const now = Date.UTC(2025, 7, 26, 4);
  expect(JSON.parse(body("3.0.0", {}, now, "UTC")).reqTime).toBe("2025-08-26 04:00:00");
  expect(JSON.parse(body("3.0.0", {}, now, "America/New_York")).reqTime).toBe("2025-08-26 00:00:00");
});

test("signedRequest() leaves empty members out, and holds both numbers where both were given", () => {
  expect(Object.keys(JSON.parse(body("2.0.8", { clientIp: "" }, 0))).sort()).toEqual(["nonceStr", "reqTime", "sign"]);
  const both = JSON.parse(body("2.0.8", { refundNo: "R1", bizRefundNo: "B1" }, 0));
  expect([both.refundNo, both.bizRefundNo]).toEqual(["R1", "B1"]);
});

test("RELEASES have the paths that DaxPay serves", () => {
  expect(Object.fromEntries(Object.entries(RELEASES).map(([name, release]) => [name, release.path]))).toEqual({
    documented: "/unipay/sync/pay",
    "2.0.6": "/unipay/syncRefund",
    "2.0.7": "/unipay/sync/refund",
    "2.0.8": "/unipay/sync/refund",
    "3.0.0-beta4": "/unipay/sync/order/refund",
    "3.0.0": "/unipay/sync/order/refund",
    "4.0.0-beta": "/unipay/sync/order/refund",
  });
});
