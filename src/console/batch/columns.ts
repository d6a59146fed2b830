import type { RefundRef } from "../route.ts";

/**
 * Column names of DaxPay, this service, spreadsheets and bills, in lower case without white space, hyphens and
 * underscores.
 */
const KINDS: Readonly<Record<string, RefundRef["kind"]>> = {
  refundno: "refundNo",
  refundnumber: "refundNo",
  退款号: "refundNo",
  退款单号: "refundNo",
  // Alipay's bill, where DaxPay is the merchant: it sends its own number as out_request_no.
  "退款批次号/请求号": "refundNo",
  bizrefundno: "bizRefundNo",
  bizrefundnumber: "bizRefundNo",
  mchrefundno: "bizRefundNo",
  merchantrefundno: "bizRefundNo",
  商户退款号: "bizRefundNo",
  商户退款单号: "bizRefundNo",
};

/** A column that only a WeChat Pay bill has, where DaxPay is the merchant: it sends its own number as out_refund_no. */
const WECHAT_REFUND_NO = "微信退款单号";

/** The kind of numbers in a column, by its name; undefined if the name tells none. */
export function kindOf(name: string, header: readonly string[] = []): RefundRef["kind"] | undefined {
  if (header.includes(WECHAT_REFUND_NO) && name === "商户退款单号") return "refundNo";
  const key = name.toLowerCase().replace(/[\s_-]/g, "");
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
}
