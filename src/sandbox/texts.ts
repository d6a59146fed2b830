/** The languages of 4.x that the sandbox knows (common-i18n). */
export const LANGUAGES = ["zh-CN", "en-US"] as const;
export type Language = typeof LANGUAGES[number];

/** Of a text with a detail, the part before it. */
const ENGLISH: Readonly<Record<string, string>> = {
  "不支持的操作": "Unsupported Operation",
  "不支持的能力: ": "Unsupported ability: ",
  "交易不存在": "Transaction Not Found",
  "参数验证失败: ": "Parameter Validation Failed: ",
  "商户公钥为空": "Merchant public key is empty",
  "商户号和应用号不匹配": "Merchant number and application number do not match",
  "商户应用未启用": "Merchant application not enabled",
  "商户未启用": "Merchant not enabled",
  "支付订单号不能都为空": "Payment order number cannot be empty",
  "支付通道未启用": "Payment channel not enabled",
  "未找到商户默认应用配置": "Merchant default application configuration not found",
  "未找到指定的商户配置": "Specified merchant configuration not found",
  "未找到指定的应用配置": "Specified application configuration not found",
  "未查询到退款订单": "Refund order not found",
  "签名为空": "Signature is empty",
  "系统错误": "System Error",
  "请求时间戳已过期，请重试": "Request timestamp expired, please retry",
  "请求缺少防重放验证参数": "Anti-replay verification parameter missing",
  "请求验证已失效，请重试": "Request verification expired, please retry",
  "资源不存在": "Resource Not Found",
  "退款处理中，请勿重复操作": "Refund processing, do not repeat",
  "配置不存在": "Configuration Not Found",
  "验签失败": "Signature Verification Failed",
  "验签失败: ": "Signature verification failed: ",
};

/** Translates one of DaxPay's texts; one that has no translation stays as it is. */
export function localize(text: string, language: Language): string {
  if (language === "zh-CN") return text;
  if (Object.hasOwn(ENGLISH, text)) return ENGLISH[text];
  const [prefix] = /^[^:]*: /.exec(text) ?? [""];
  return Object.hasOwn(ENGLISH, prefix) ? ENGLISH[prefix] + text.slice(prefix.length) : text;
}

/** The language that a caller accepts first; undefined where the sandbox does not know it. */
export function languageOf(acceptLanguage: string | undefined): Language | undefined {
  const [first = ""] = (acceptLanguage ?? "").split(",");
  return LANGUAGES.find((language) => first.trim().toLowerCase().startsWith(language.slice(0, 2)));
}
