import { createPrivateKey, createPublicKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEVELOPMENT_KEYS } from "../../src/sandbox/keys.ts";
import { createRsaSigner, flatText, readPrivateKey, readPublicKey } from "../../src/sandbox/rsa.ts";
import { createServer4, PING, REQ_ID, send4 } from "./client4.ts";
import vectors from "../daxpay/v4-vectors.json" with { type: "json" };

const pem = (type: string, base64: string) => `-----BEGIN ${type}-----\n${base64.trim()}\n-----END ${type}-----\n`;
const { merchant, platform } = vectors.keys;
const PLATFORM_KEY = pem("PRIVATE KEY", platform.privatePkcs8);
const MERCHANT_KEY = pem("PUBLIC KEY", merchant.publicSpki);

function signerOf(privateKey: string, publicKey: string) {
  const platform = createPrivateKey(privateKey);
  return createRsaSigner({ platform, previousPlatform: platform, merchant: createPublicKey(publicKey) });
}

const signer = signerOf(PLATFORM_KEY, MERCHANT_KEY);
const membersOf = (body: string): Record<string, unknown> => JSON.parse(body);
const requests = vectors.vectors.filter(({ kind }) => kind === "request");
const replies = vectors.vectors.filter(({ kind, valid }) => kind === "reply" && valid);

test.each(requests)("verify() accepts the official request $name", ({ body, stringToSign, sign }) => {
  const { sign: _, ...members } = membersOf(body);
  expect(flatText(members)).toBe(stringToSign);
  expect(signer.verify(members, String(sign))).toBe("valid");
  expect(signer.verify({ ...members, mchNo: "M2" }, String(sign))).toBe("wrong");
});

test.each(replies)("sign() signs as the official reply $name", ({ body, stringToSign, sign }) => {
  expect(flatText(membersOf(body))).toBe(stringToSign);
  expect(signer.sign(membersOf(body))).toBe(sign);
});

test.each(vectors.vectors.filter(({ valid, sign }) => !valid && sign))("sign() does not sign as $name", (vector) => {
  expect(signer.sign(membersOf(vector.body))).not.toBe(vector.sign);
});

const { golden } = vectors;
const goldenSigner = signerOf(pem("PRIVATE KEY", golden.privateKey), pem("PUBLIC KEY", golden.publicKey));

test.each(golden.vectors)("sign() signs the SDKs' own vector $name", ({ input, stringToSign, sign }) => {
  expect(flatText(membersOf(input))).toBe(stringToSign);
  expect(goldenSigner.sign(membersOf(input))).toBe(sign);
});

test("flatText() drops the nulls of a list before it counts", () => {
  expect(flatText({ list: [null, "a", null, "b"] })).toBe("list[0]=a&list[1]=b");
});

test.each([null, "", "no base64!", "AAAA", `${"A".repeat(342)}=\n=`, `${"A".repeat(342)}=`])(
  "verify() reports %j as malformed",
  (sign) => {
    expect(signer.verify({ a: "1" }, sign)).toBe("malformed");
  },
);

test("verify() takes base64 without padding, as Java does", () => {
  const [{ body, sign }] = requests;
  const { sign: _, ...members } = membersOf(body);
  expect(signer.verify(members, String(sign).replaceAll("=", ""))).toBe("valid");
});

describe("readPrivateKey() and readPublicKey()", () => {
  const { privateKey, publicKey } = DEVELOPMENT_KEYS.merchant;

  test("read PEM", () => {
    expect(readPrivateKey("key", privateKey).type).toBe("private");
    expect(readPublicKey("key", publicKey).type).toBe("public");
  });

  test.each([
    ["a text", "hunter2hunter2"],
    ["the other kind", publicKey],
    ["half a key", privateKey.slice(0, 800)],
  ])("reject %s without showing it", (_, text) => {
    expect(() => readPrivateKey("platformPrivateKey", text)).toThrow(
      new RangeError("expected platformPrivateKey to be the PEM of a private RSA key, got another text"),
    );
  });

  test("reject a private key where a public one is expected", () => {
    expect(() => readPublicKey("merchantPublicKey", privateKey)).toThrow(
      new RangeError("expected merchantPublicKey to be the PEM of a public RSA key, got another text"),
    );
  });
});

/** The replies of the vectors, from a server with their keys, account and time. */
describe("the server replies to an official request as in", () => {
  const request = (name: string) => vectors.vectors.find((vector) => vector.name === name)?.body ?? "";
  const [REFUND_NO, BIZ_REFUND_NO] = ["R26112518300500000001", "BR20261125-0001"];
  const account = { mchNo: "M200000001", appId: "APP001" };
  const create = () => createServer4({ ...account, merchantPublicKey: MERCHANT_KEY, platformPrivateKey: PLATFORM_KEY });

  test.each(
    [
      ["sync-progress", "PROCESSING"],
      ["sync-success-adjusted", "SUCCESS"],
      ["sync-fail-adjusted", "CHANGE"],
      ["error-lock-busy", "locked"],
    ] as const,
  )("%s", async (name, state) => {
    const server = create();
    server.addRefund({ refundNo: REFUND_NO, bizRefundNo: BIZ_REFUND_NO, state });
    const body = await send4(server, "/unipay/sync/order/refund", JSON.parse(request("sync-by-biz-refund-no")));
    expect(body).toBe(request(name));
  });

  test("sync-close-terminal", async () => {
    const server = create();
    server.addRefund({ refundNo: REFUND_NO, status: "close", state: "SUCCESS" });
    const body = await send4(server, "/unipay/sync/order/refund", JSON.parse(request("sync-by-refund-no")));
    expect(body).toBe(request("sync-close-terminal"));
  });

  test.each([["error-unknown-refund", "zh-CN"], ["error-unknown-refund-en", "en-US"]])("%s", async (name, language) => {
    const sent = JSON.parse(request("sync-by-refund-no"));
    const headers = { "accept-language": language };
    expect(await send4(create(), "/unipay/sync/order/refund", sent, headers)).toBe(request(name));
  });

  test("error-sign-new-platform", async () => {
    const sent = { ...JSON.parse(request("sync-by-refund-no")), refundNo: "R2" };
    expect(await send4(create(), "/unipay/sync/order/refund", sent)).toBe(request("error-sign-new-platform"));
  });

  test("ping-ok", async () => {
    const sent = JSON.parse(request("signed-ping"));
    expect(sent.reqId).toBe(REQ_ID);
    expect(await send4(create(), PING, sent)).toBe(request("ping-ok"));
  });
});
