import type { Reason } from "./failure.ts";

/** What a DaxPay code means. */
export interface Classification {
  readonly reason: Reason;
  /** Milliseconds after which to repeat, where that differs from the reason's own. */
  readonly retryAfterMs?: number;
  /** Whether the payment channel asks for fewer calls. */
  readonly throttled?: boolean;
}

/** A code's meaning depends on its text where DaxPay uses one code for several things. */
type Row = Reason | ((text: string) => Classification | Reason);

/** 10006 and 10506: DaxPay's validation says in its text which member it refused. */
function classifyInvalid(text: string): Reason {
  if (/请求已过期|请求时间晚于/.test(text)) return "CLOCK_SKEW";
  // These members come from this service's configuration or DaxPay's, not from the caller.
  return /商户号|应用号|签名方式/.test(text) ? "NOT_CONFIGURED" : "INVALID_REQUEST";
}

/** 20000: 2.x's code for what it did not sort (支付失败, 未归类的错误). */
const CODE_20000: Readonly<Record<string, Reason>> = {
  "未通过签名验证": "SIGNATURE_REJECTED",
  "该接口权限未开放": "NOT_CONFIGURED",
  "签名方式错误": "NOT_CONFIGURED",
  "未获取到签名方式，请检查": "NOT_CONFIGURED",
};

const CODES: Readonly<Record<number, Row>> = {
  10001: "UPSTREAM_ERROR", // 系统错误
  10005: "INVALID_REQUEST", // 参数处理失败
  10006: classifyInvalid, // 参数验证失败
  10007: "SYNC_IN_PROGRESS", // 重复操作异常
  10010: "NOT_CONFIGURED", // 数据不存在
  10401: "NOT_CONFIGURED", // 认证失败: 3.x says so of a path it does not serve
  10404: "NOT_CONFIGURED", // 资源不存在
  10405: "NOT_CONFIGURED", // 数据不存在
  10500: "UPSTREAM_ERROR", // 系统错误
  10505: "INVALID_REQUEST", // 参数处理失败
  10506: classifyInvalid, // 参数验证失败
  10507: "SYNC_IN_PROGRESS", // 重复操作异常
  20000: (text) => Object.hasOwn(CODE_20000, text) ? CODE_20000[text] : "UNKNOWN_DAXPAY_CODE",
  20041: "REFUND_NOT_FOUND", // 交易不存在
  20043: "SYNC_IN_PROGRESS", // 交易处理中
  20045: "CHANNEL_FAILED", // 交易失败
  20052: "SIGNATURE_REJECTED", // 验签失败
  20080: () => ({ reason: "CHANNEL_FAILED", retryAfterMs: 10_000 }), // 操作失败: 3.x asks for 10 s between syncs
  20081: "SYNC_IN_PROGRESS", // 操作处理中
  28106: "NOT_CONFIGURED", // 不支持的支付方式, up to 2.0.7
  30000: "UPSTREAM_ERROR", // 未知异常
};

/** Explains the code of an envelope. A code that no row holds is UNKNOWN_DAXPAY_CODE. */
export function classifyCode(code: number, text: string): Classification {
  // 20011 不存在的支付通道 to 20030 不支持该能力: interface, application, merchant or channel is off or unsupported.
  if (code >= 20011 && code <= 20030) return { reason: "NOT_CONFIGURED" };
  // An unsigned 1 is DaxPay's login filter or its router, which refuse a path or a method.
  if (code === 1) return { reason: /请求路径|请求方法/.test(text) ? "NOT_CONFIGURED" : "UNKNOWN_DAXPAY_CODE" };
  const row = CODES[code] ?? "UNKNOWN_DAXPAY_CODE";
  const meaning = typeof row === "function" ? row(text) : row;
  return typeof meaning === "string" ? { reason: meaning } : meaning;
}

/** 2.x puts 1 into `data` for every failure; only the text tells them apart. The first is 2.x's, the second the page's. */
const DATA_TEXTS: Readonly<Record<string, Reason>> = {
  "未查询到退款订单": "REFUND_NOT_FOUND",
  "当前订单不存在": "REFUND_NOT_FOUND",
  "不支持的能力": "NOT_CONFIGURED",
};

/** Explains the code of 2.x's signed `data`. Only whole texts count: a wrong "unknown" would make callers pay twice. */
export function classifyDataCode(code: number, text: string): Classification {
  if (code !== 1) return classifyCode(code, text);
  const reason = Object.hasOwn(DATA_TEXTS, text) ? DATA_TEXTS[text] : "CHANNEL_FAILED";
  // WeChat Pay says 频率超限 (FREQUENCY_LIMITED), Alipay 调用过于频繁.
  return { reason, throttled: reason === "CHANNEL_FAILED" && /频率|频繁|FREQUENCY_LIMIT/.test(text) };
}
