import { readNotice } from "../../src/daxpay/notice.ts";
import type { NoticeContext } from "../../src/daxpay/notice.ts";
import { type Release, type ReleaseName, RELEASES } from "../../src/daxpay/release.ts";
import { createDigestSigner } from "../../src/daxpay/signer.ts";
import { hmac, NOW_2, NOW_3, SECRET } from "./replies.ts";
import { NOW_4, signed4, signer as signer4 } from "./v4.ts";

export const NOTICE_RELEASES = ["2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0", "4.0.0-beta"] as const;

export type Changes = Partial<NoticeContext> & { readonly secrets?: readonly string[] };

export function read(name: ReleaseName, body: string | Uint8Array, changes: Changes = {}) {
  const release: Release = RELEASES[name];
  const { secrets = [SECRET], ...others } = changes;
  const signer = release.signing === "rsa"
    ? signer4
    : createDigestSigner({ algorithm: "HMAC_SHA256", upperCase: release.signing.upperCase }, secrets);
  return readNotice(typeof body === "string" ? new TextEncoder().encode(body) : body, {
    release,
    signer,
    appId: "M8207639754663343",
    mchNo: name === "4.0.0-beta" ? "M200000001" : "M1745845174843",
    timeZone: "Asia/Shanghai",
    now: name === "4.0.0-beta" ? NOW_4 : release.signed === "data" ? NOW_2 : NOW_3,
    ...others,
  });
}

/** A body with its signature over a text that the tests write out. */
export const signed = (body: string, text: string, secret = SECRET) =>
  body.replace('"sign":""', `"sign":"${hmac(text, secret)}"`);

/** DaxPay's own, of its documentation; also in vectors.json. */
export const NOTICE_2_0_7 = '{"code":0,"msg":null,"resTime":1715867834,' +
  '"sign":"abaa68e7e2498dc980962787d09d8a1148fe5be7476d4d550e588401fef24c5c","orderNo":"DEVP24051621525063000002",' +
  '"bizOrderNo":"P1715867447234","outOrderNo":"22240516788144804521","title":"测试支付",' +
  '"refundNo":"DEVR24051621570763000004","bizRefundNo":"DEVR24051621570763000003",' +
  '"outRefundNo":"992405162157086041528","channel":"union_pay","orderAmount":10000,"amount":100,"reason":"",' +
  '"refundTime":null,"finishTime":1715867828,"status":"success","attach":null,"errorCode":null,"errorMsg":null}';

const NOTICE_2_0_6 = signed(
  '{"code":0,"msg":null,"resTime":1715576198,"sign":"","refundNo":"DEVR1","bizRefundNo":"BR1","channel":"wechat_pay",' +
    '"amount":100,"status":"close","finishTime":null,"createTime":1715576100,"attach":"a"}',
  "amount=100&attach=a&bizRefundNo=BR1&channel=wechat_pay&code=0&createTime=1715576100&refundNo=DEVR1" +
    "&resTime=1715576198&status=close&key=123456",
);

const NOTICE_BETA4 = signed(
  '{"code":0,"msg":"success","data":{"id":"1876543210987654321","createTime":"2025-08-26 11:00:00",' +
    '"appId":"M8207639754663343","orderNo":"P1","title":"测试支付","refundNo":"DEVR1","bizRefundNo":"BR1","amount":100.5,' +
    '"finishTime":"2025-08-26 12:00:00","status":"success"},"sign":"","resTime":"2025-08-26 12:00:01",' +
    '"traceId":"t6h0RaYLoa8E"}',
  "code=0&data={id:1876543210987654321,createTime:2025-08-26 11:00:00,appId:M8207639754663343,orderNo:P1," +
    "title:测试支付,refundNo:DEVR1,bizRefundNo:BR1,amount:100.5,finishTime:2025-08-26 12:00:00,status:success}" +
    "&msg=success&resTime=2025-08-26 12:00:01&traceId=t6h0RaYLoa8E&key=123456",
);

/** The kind that goes to a refund's own address. */
const NOTICE_3 = signed(
  '{"mchNo":"M1745845174843","appId":"M8207639754663343","code":0,"msg":"success","data":{"orderId":"1876543210987654321",' +
    '"orderNo":"P1","bizOrderNo":"BO1","title":"Test","refundNo":"DEVR1","bizRefundNo":"BR1","amount":10,' +
    '"finishTime":"2025-08-26 12:00:00","status":"success"},"sign":"","resTime":"2025-08-26 12:00:01"}',
  ("appId=M8207639754663343&code=0&data={amount:10,bizOrderNo:BO1,bizRefundNo:BR1,finishTime:2025-08-26 12:00:00," +
    "orderId:1876543210987654321,orderNo:P1,refundNo:DEVR1,status:success,title:Test}&mchNo=M1745845174843&msg=success" +
    "&resTime=2025-08-26 12:00:01&key=123456").toUpperCase(),
);

/** The kind that an application has subscribed to. */
export const SUBSCRIBED_NOTICE_3 = signed(
  '{"noticeType":"refund","mchNo":"M1745845174843","appId":"M8207639754663343","code":0,"msg":"success",' +
    '"data":{"refundNo":"DEVR1","bizRefundNo":"BR1","amount":10,"status":"fail","errorMsg":"余额不足"},"sign":"",' +
    '"resTime":"2025-08-26 12:00:01","traceId":"nu2Pezn0FvKd"}',
  ("appId=M8207639754663343&code=0&data={amount:10,bizRefundNo:BR1,errorMsg:余额不足,refundNo:DEVR1,status:fail}" +
    "&mchNo=M1745845174843&msg=success&noticeType=refund&resTime=2025-08-26 12:00:01&traceId=nu2Pezn0FvKd&key=123456")
    .toUpperCase(),
);

/** Body and text of a notice of 4.x. */
export const UNSIGNED_4 = [
  '{"appId":"M8207639754663343","code":0,"data":{"amount":"100","bizRefundNo":"BR1","finishTime":"2026-11-25 18:30:00",' +
  '"reason":"测试 & 退款","refundNo":"R1","status":"success","tradeNo":"T1"},"event":"refund.success",' +
  '"eventId":"1990000000000000001","mchNo":"M200000001","msg":"success","protocol":"system","reqId":"4fTy7Kq1Zb0P",' +
  '"resTime":"2026-11-25 18:30:06","sign":""}',
  "appId=M8207639754663343&code=0&data.amount=100&data.bizRefundNo=BR1&data.finishTime=2026-11-25 18:30:00" +
  "&data.reason=测试 & 退款&data.refundNo=R1&data.status=success&data.tradeNo=T1&event=refund.success" +
  "&eventId=1990000000000000001&mchNo=M200000001&msg=success&protocol=system&reqId=4fTy7Kq1Zb0P" +
  "&resTime=2026-11-25 18:30:06",
] as const;

/** A genuine notice of each release. */
export const NOTICES: Readonly<Record<typeof NOTICE_RELEASES[number], string>> = {
  "2.0.6": NOTICE_2_0_6,
  "2.0.7": NOTICE_2_0_7,
  "2.0.8": NOTICE_2_0_7,
  "3.0.0-beta4": NOTICE_BETA4,
  "3.0.0": NOTICE_3,
  "4.0.0-beta": signed4(...UNSIGNED_4),
};
