import type { Reason } from "./failure.ts";

/** What a DaxPay code stands for. */
export interface Classification {
  readonly reason: Reason;
  /** Milliseconds, where they differ from the reason's default. */
  readonly retryDelayMs?: number;
  /** Whether the payment channel asks for fewer requests. */
  readonly throttled?: boolean;
}

/** A code is classified by its text where DaxPay uses one code for several things. */
type Row = Reason | ((text: string) => Classification | Reason);

/** 10006 and 10506: the text of DaxPay's validation names the member that it rejected. */
function classifyInvalid(text: string): Reason {
  // v4: another settlement of the same payment holds the lock.
  if (/退款处理中|Refund processing/i.test(text)) return "SYNC_IN_PROGRESS";
  if (/请求已过期|请求时间晚于/.test(text)) return "CLOCK_SKEW";
  // These members come from this service's configuration or DaxPay's, not from the caller.
  return /商户号|应用号|签名方式|商户公钥/.test(text) ? "NOT_CONFIGURED" : "INVALID_REQUEST";
}

/** 20000: 2.x's code for everything without a code of its own (支付失败, 未归类的错误). */
const CODE_20000: Readonly<Record<string, Reason>> = {
  "未通过签名验证": "SIGNATURE_REJECTED",
  "该接口权限未开放": "NOT_CONFIGURED",
  "签名方式错误": "NOT_CONFIGURED",
  "未获取到签名方式，请检查": "NOT_CONFIGURED",
};

/** v4's code for all data that it lacks. Only whole texts count: a wrong "not found" would make callers pay twice. */
const REFUND_UNKNOWN = ["未查询到退款订单", "Refund order not found"];

const CODES: Readonly<Record<number, Row>> = {
  10001: "UPSTREAM_ERROR", // 系统错误
  10005: "INVALID_REQUEST", // 参数处理失败
  10006: classifyInvalid, // 参数验证失败
  10007: "SYNC_IN_PROGRESS", // 重复操作异常
  10010: "NOT_CONFIGURED", // 数据不存在
  10401: "NOT_CONFIGURED", // 认证失败: 3.0.0's reply at a path that it does not serve
  10404: "NOT_CONFIGURED", // 资源不存在
  10405: (text) => REFUND_UNKNOWN.includes(text) ? "REFUND_NOT_FOUND" : "NOT_CONFIGURED", // 数据不存在
  10408: "NOT_CONFIGURED", // 请求缺少防重放验证参数: something removed the nonce
  10409: "SYNC_IN_PROGRESS", // 请求验证已失效: DaxPay has seen the nonce, and a retry sends another one
  10410: "CLOCK_SKEW", // 请求时间戳已过期
  10500: "UPSTREAM_ERROR", // 系统错误
  10505: "INVALID_REQUEST", // 参数处理失败
  10506: classifyInvalid, // 参数验证失败
  10507: "SYNC_IN_PROGRESS", // 重复操作异常
  20000: (text) => Object.hasOwn(CODE_20000, text) ? CODE_20000[text] : "UNKNOWN_DAXPAY_CODE",
  20041: "REFUND_NOT_FOUND", // 交易不存在
  20043: "SYNC_IN_PROGRESS", // 交易处理中
  20044: "UPSTREAM_ERROR", // v4: the refund disappeared while it was being settled
  20045: "CHANNEL_FAILED", // 交易失败
  20052: "SIGNATURE_REJECTED", // 验签失败
  20080: () => ({ reason: "CHANNEL_FAILED", retryDelayMs: 10_000 }), // 操作失败: 3.x requires 10 s between syncs
  20081: "SYNC_IN_PROGRESS", // 操作处理中
  28106: "NOT_CONFIGURED", // 不支持的支付方式, up to 2.0.7
  30000: "UPSTREAM_ERROR", // 未知异常
};

/** Classifies the code of an envelope. A code without a row is UNKNOWN_DAXPAY_CODE. */
export function classifyCode(code: number, text: string): Classification {
  // 20011 不存在的支付通道 to 20030 不支持该能力: interface, application, merchant or channel is off or unsupported.
  if (code >= 20011 && code <= 20030) return { reason: "NOT_CONFIGURED" };
  // 1 comes unsigned from DaxPay's login filter or its router, which reject a path or a method, and from v4's context.
  if (code === 1) {
    return { reason: /请求路径|请求方法|未启用|not enabled/.test(text) ? "NOT_CONFIGURED" : "UNKNOWN_DAXPAY_CODE" };
  }
  const row = CODES[code] ?? "UNKNOWN_DAXPAY_CODE";
  const classification = typeof row === "function" ? row(text) : row;
  return typeof classification === "string" ? { reason: classification } : classification;
}

/** 2.x puts 1 into `data` for every failure; only the text tells them apart. */
const DATA_TEXTS: Readonly<Record<string, Reason>> = {
  "未查询到退款订单": "REFUND_NOT_FOUND", // the sync
  "退款订单不存在": "REFUND_NOT_FOUND", // the query
  "当前订单不存在": "REFUND_NOT_FOUND", // the interface page
  "退款号或=商户退款号不能都为空": "INVALID_REQUEST", // the query of 2.0.7
  "不支持的能力": "NOT_CONFIGURED",
  "不存在的支付通道": "NOT_CONFIGURED",
  "该接口权限未开放": "NOT_CONFIGURED",
  "支付订单不存在": "NOT_CONFIGURED", // the sync of payments, which is at the interface page's path
};

/** Classifies the code of 2.x's signed `data`. Only whole texts count: a wrong "not found" would make callers pay twice. */
export function classifyDataCode(code: number, text: string): Classification {
  if (code !== 1) return classifyCode(code, text);
  const reason = Object.hasOwn(DATA_TEXTS, text) ? DATA_TEXTS[text] : "CHANNEL_FAILED";
  // WeChat Pay says 频率超限 (FREQUENCY_LIMITED), Alipay 调用过于频繁.
  return { reason, throttled: reason === "CHANNEL_FAILED" && /频率|频繁|FREQUENCY_LIMIT/.test(text) };
}

/** 系统错误 and 参数处理失败, whose texts are those of Java exceptions wherever they are not Chinese. */
const EXCEPTION_CODES = [10001, 10005, 10500, 10505];

/** Tells whether a text of DaxPay shows its internals: SQL, stack traces, Java classes and exceptions. */
export function showsInternals(code: number | undefined, text: string): boolean {
  if (code !== undefined && EXCEPTION_CODES.includes(code) && /[A-Za-z]{2}/.test(text)) return true;
  return /\b(?:SQL|(?:java|javax|com|cn|org)\.[a-z]\w*\.)|Exception\b|\n\s*at /.test(text);
}
