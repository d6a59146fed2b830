import type { Reason } from "./step.ts";

const ROWS: readonly (Reason & { readonly pattern: RegExp })[] = [
  {
    pattern: /商户公钥/,
    cause: "MERCHANT_KEY_MISSING",
    advice:
      "Enter the public key of DAXPAY_PRIVATE_KEY (商户公钥) for the merchant in DaxPay's administration: it has none",
  },
  {
    pattern: /商户号和应用号不匹配/,
    cause: "APP_UNKNOWN",
    advice: "DAXPAY_APP_ID is no application of the merchant DAXPAY_MCH_NO: correct one of them",
  },
  {
    pattern: /商户配置|商户号/,
    cause: "MERCHANT_UNKNOWN",
    advice: "DaxPay does not know the merchant number that it received: set or correct DAXPAY_MCH_NO (商户号)",
  },
  {
    pattern: /应用配置|应用号/,
    cause: "APP_UNKNOWN",
    advice: "DaxPay does not know the application number that it received: set or correct DAXPAY_APP_ID (应用号)",
  },
  {
    pattern: /未启用|未开放|接口信息/,
    cause: "NOT_ENABLED",
    advice: "Switch the interface, the merchant or the application on in DaxPay's administration",
  },
  {
    pattern: /签名方式/,
    cause: "NOT_ENABLED",
    advice: "Choose a sign type (签名方式) in DaxPay's administration: it has none. A 2.0.8 that does not verify " +
      "signatures returns the same text where the interface is switched off",
  },
  {
    pattern: /IP地址/,
    cause: "REQUEST_REJECTED",
    advice: "Correct DAXPAY_CLIENT_IP",
  },
];

/** What to do about the text with which DaxPay rejected a request, other than for its signature or its time. */
export function rejectionReason(text: string): Reason {
  const row = ROWS.find(({ pattern }) => pattern.test(text));
  if (row) return { cause: row.cause, advice: row.advice };
  return {
    cause: "REQUEST_REJECTED",
    advice: "DaxPay rejected the request for the reason in its text: correct that in DaxPay or in this configuration",
  };
}
