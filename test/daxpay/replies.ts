import { createHash, createHmac } from "node:crypto";
import type { Reason } from "../../src/daxpay/failure.ts";
import { readQueryReply, readReply, type ReplyContext } from "../../src/daxpay/reply.ts";
import { type Release, type ReleaseName, RELEASES } from "../../src/daxpay/release.ts";
import type { SigningScheme } from "../../src/daxpay/sign.ts";
import { createDigestSigner } from "../../src/daxpay/signer.ts";

export const SECRET = "123456";
/** The time of DaxPay's 2.x examples, 1715576198, in milliseconds, and that of its 3.x examples in Asia/Shanghai. */
export const NOW_2 = 1715576198_000;
export const NOW_3 = Date.UTC(2025, 7, 26, 4, 0, 1);

/** Signatures over strings that the tests write out in full. */
export const hmac = (text: string, secret = SECRET) => createHmac("sha256", secret).update(text).digest("hex");
export const md5 = (text: string) => createHash("md5").update(text).digest("hex");

/** A context of a release that signs with a digest. */
export type Changes = Partial<ReplyContext> & {
  readonly rule?: SigningScheme;
  readonly secrets?: readonly string[];
};

export function contextOf(name: ReleaseName, changes: Changes = {}): ReplyContext {
  const release: Release = RELEASES[name];
  const upperCase = release.signing !== "rsa" && release.signing.upperCase;
  const { rule = { algorithm: "HMAC_SHA256", upperCase }, secrets = [SECRET], ...others } = changes;
  return {
    release,
    signer: createDigestSigner(rule, secrets),
    query: { refundNo: "DEVR24051020531763000004", bizRefundNo: "", clientIp: "", nonceStr: "" },
    timeZone: "Asia/Shanghai",
    now: release.signed === "data" ? NOW_2 : NOW_3,
    maxSkewMs: 300_000,
    ...others,
  };
}

export function read(name: ReleaseName, body: string | Uint8Array, changes: Changes = {}) {
  return readReply(typeof body === "string" ? new TextEncoder().encode(body) : body, contextOf(name, changes));
}

export function readQuery(name: ReleaseName, body: string | Uint8Array, changes: Changes = {}) {
  return readQueryReply(typeof body === "string" ? new TextEncoder().encode(body) : body, contextOf(name, changes));
}

/** What a report must match. */
export const report = (daxpayStatus: string) => ({ kind: "report", daxpayStatus });

/** What a failed reply must match. */
export const failed = (reason: Reason, daxpayCode?: number) => ({ kind: "failure", failure: { reason, daxpayCode } });

/** A verified reply of each form, written out. */
export const SIGNED_2 = '{"msg":"success","code":0,"data":{"code":0,"msg":null,"resTime":1715576198,' +
  '"sign":"d865ca94497b70553f54c59c70aa6c252b47892b1d0f891fa20bfa7e2daa05a2","status":"refund_success"},' +
  '"traceId":"sIV4zJVhZ4Uz"}';
export const SIGNED_BETA4 = '{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},' +
  '"sign":"029ba3d54cb820c571b22da76e1f959ea55ecaf93402970d0db3b8f3bbb3db35",' +
  '"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}';
export const SIGNED_3 = '{"code":0,"msg":"success","data":{"orderStatus":"success","adjust":true},' +
  '"sign":"2967fed91c1a66731f4aab159a18fe084f79e9b402ac06113e7cc7747e3b2372",' +
  '"resTime":"2025-08-26 12:00:01","traceId":"t6h0RaYLoa8E"}';

/** A query's reply of the releases that sign it otherwise than the sync's, about the refund and at the time above. */
export const QUERY_BETA4 = '{"code":0,"msg":"success","data":{"id":"1876543210987654321",' +
  '"createTime":"2025-08-26 11:00:00","appId":"123","orderNo":"P1","refundNo":"DEVR24051020531763000004",' +
  `"amount":100.0100,"finishTime":null,"status":"success"},"sign":"${
    hmac(
      "code=0&data={orderNo:P1,refundNo:DEVR24051020531763000004,amount:100.01,status:success,appId:123," +
        "id:1876543210987654321,createTime:2025-08-26 11:00:00}&msg=success&resTime=2025-08-26 12:00:01&key=123456",
    )
  }","resTime":"2025-08-26 12:00:01","traceId":null}`;
export const QUERY_3 = '{"code":0,"msg":"success","data":{"orderId":"1876543210987654321","orderNo":"P1",' +
  `"refundNo":"DEVR24051020531763000004","amount":100.0100,"finishTime":null,"status":"success"},"sign":"${
    hmac(
      "CODE=0&DATA={ORDERID:1876543210987654321,ORDERNO:P1,REFUNDNO:DEVR24051020531763000004,AMOUNT:100.01," +
        "STATUS:SUCCESS}&MSG=SUCCESS&RESTIME=2025-08-26 12:00:01&KEY=123456",
    )
  }","resTime":"2025-08-26 12:00:01","traceId":null}`;
