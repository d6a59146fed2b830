import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ReleaseName } from "../../src/daxpay/release.ts";
import { acceleratedClock, startService, summarize } from "../support/service.ts";

const V2 = ["documented", "2.0.6", "2.0.7", "2.0.8"] as const;
const V3 = ["3.0.0-beta4", "3.0.0"] as const;
type Service = Awaited<ReturnType<typeof startService>>;

const UNAVAILABLE_60 = "unavailable CHANNEL_FAILED ANSWERED 60000";
const LOCKED = "aborted SYNC_IN_PROGRESS ANSWERED 1000";
const OFF = "failed_precondition NOT_CONFIGURED ANSWERED -";
const FAULT = "unavailable UPSTREAM_ERROR ANSWERED 5000";
const UNKNOWN = "not_found REFUND_NOT_FOUND ANSWERED -";
const MALFORMED = "data_loss REPLY_MALFORMED ANSWERED -";
const UNVERIFIED = "data_loss REPLY_UNVERIFIED ANSWERED -";
const MISMATCHED = "data_loss REPLY_MISMATCHED ANSWERED -";
const INTERRUPTED = "unavailable REPLY_INTERRUPTED IN_DOUBT 5000";
const CUT = "unavailable REPLY_INTERRUPTED ANSWERED 5000";

/** What a caller gets of each refund of the sandbox: on 2.x, and on 3.x. */
const REFUNDS: Readonly<Record<string, readonly [v2: string, v3: string]>> = {
  DEVR24051020531763000004: ["NOT_FOUND_AT_CHANNEL pay_not_found", "FAILED fail"],
  "R-SUCCEEDS": ["SUCCEEDED refund_success", "SUCCEEDED success"],
  "R-WAITS": ["IN_PROGRESS refund_progress", "IN_PROGRESS progress"],
  "R-FAILS": [UNAVAILABLE_60, "FAILED fail"],
  "R-CLOSED": ["CLOSED close", "CLOSED close"],
  "R-UNKNOWN": [UNKNOWN, UNKNOWN],
  "no-such-number": [UNKNOWN, UNKNOWN],
  "R-NETWORK": ["IN_PROGRESS refund_progress", "FAILED fail"],
  "R-CHANNEL-ERROR": [UNAVAILABLE_60, "FAILED fail"],
  "R-SPEECHLESS": [UNAVAILABLE_60, "FAILED fail"],
  "R-LOCKED": [LOCKED, LOCKED],
  "R-YOUNG": ["SUCCEEDED refund_success", "unavailable CHANNEL_FAILED ANSWERED 10000"],
  "R-CHANNEL-MISSING": [OFF, OFF],
  "R-CHANNEL-OFF": ["SUCCEEDED refund_success", OFF],
  "R-INTERFACE-OFF": [OFF, OFF],
  "R-UNSUPPORTED": [OFF, OFF],
  "R-NULL-POINTER": [FAULT, FAULT],
  "R-EXCEPTION": [FAULT, FAULT],
  "FAULT-RESET": [INTERRUPTED, INTERRUPTED],
  "FAULT-CUT": [CUT, CUT],
  "FAULT-HTTP-500": [FAULT, FAULT],
  "FAULT-HTTP-429": ["unavailable UPSTREAM_ERROR ANSWERED 7000", "unavailable UPSTREAM_ERROR ANSWERED 7000"],
  "FAULT-HTML-200": [MALFORMED, MALFORMED],
  "FAULT-REDIRECT": [MALFORMED, MALFORMED],
  "FAULT-NOT-JSON": [MALFORMED, MALFORMED],
  "FAULT-WRONG-TYPES": [MALFORMED, MALFORMED],
  "FAULT-EMPTY": [MALFORMED, MALFORMED],
  "FAULT-NO-CODE": [MALFORMED, MALFORMED],
  "FAULT-DUPLICATE-KEYS": [MALFORMED, MALFORMED],
  "FAULT-OVERSIZED": [MALFORMED, MALFORMED],
  "FAULT-WRONG-SIGN": [UNVERIFIED, UNVERIFIED],
  "FAULT-NO-SIGN": [UNVERIFIED, UNVERIFIED],
  "FAULT-PREVIOUS-KEY": [UNVERIFIED, UNVERIFIED],
  "FAULT-PAGE-FAILURE": [UNVERIFIED, UNVERIFIED],
  "FAULT-FOREIGN": [MISMATCHED, MISMATCHED],
  "FAULT-STALE": [MISMATCHED, MISMATCHED],
  "FAULT-UNKNOWN-STATUS": ["UNKNOWN", "UNKNOWN"],
  "FAULT-UNKNOWN-CODE": ["unknown UNKNOWN_DAXPAY_CODE ANSWERED -", "unknown UNKNOWN_DAXPAY_CODE ANSWERED -"],
};

/** Codes and texts that DaxPay may put into an envelope, unsigned. */
const CODES: readonly (readonly [code: number, text: string, wanted: string])[] = [
  [1, "没有对应请求路径的权限", OFF],
  [1, "什么", "unknown UNKNOWN_DAXPAY_CODE ANSWERED -"],
  [10001, "系统错误", FAULT],
  [10005, "JSON parse error: x", "invalid_argument INVALID_REQUEST ANSWERED -"],
  [10006, "验证参数错误\n退款号不可超过100位\n", "invalid_argument INVALID_REQUEST ANSWERED -"],
  [10006, "验证参数错误\n请求已过期，请重新发送！", "failed_precondition CLOCK_SKEW ANSWERED -"],
  [10506, "验证参数错误\n请求时间晚于服务器接收到的时间，请检查", "failed_precondition CLOCK_SKEW ANSWERED -"],
  [10506, "验证参数错误\n商户号和应用号不匹配", OFF],
  [10010, "未找到接口信息", OFF],
  [10401, "用户未登录", OFF],
  [10404, "页面或资源不存在", OFF],
  [10500, "系统错误", FAULT],
  [10505, "x", "invalid_argument INVALID_REQUEST ANSWERED -"],
  [20000, "未通过签名验证", "failed_precondition SIGNATURE_REJECTED ANSWERED -"],
  [20000, "该接口权限未开放", OFF],
  [20000, "签名方式错误", OFF],
  [20000, "什么", "unknown UNKNOWN_DAXPAY_CODE ANSWERED -"],
  [20011, "x", OFF],
  [20023, "商户应用未启用", OFF],
  [20030, "不支持的能力", OFF],
  [20031, "x", "unknown UNKNOWN_DAXPAY_CODE ANSWERED -"],
  [20041, "未查询到退款订单", UNVERIFIED],
  [20045, "x", UNAVAILABLE_60],
  [20052, "验签失败", "failed_precondition SIGNATURE_REJECTED ANSWERED -"],
  [30000, "未知异常", FAULT],
  [28106, "不支持的支付方式", OFF],
  [-1, "未知异常", "unknown UNKNOWN_DAXPAY_CODE ANSWERED -"],
];

describe.each([...V2, ...V3])("DaxPay %s", (release: ReleaseName) => {
  let service: Service;
  beforeAll(async () =>
    void (service = await startService({ sandbox: { release }, dependencies: acceleratedClock(200) }))
  );
  afterAll(() => service[Symbol.asyncDispose]());
  const v3 = release.startsWith("3");

  test.each(Object.entries(REFUNDS))("%s", async (refundNo, [wanted2, wanted3]) => {
    service.sandbox.reset();
    const gist = await summarize(service.client.syncRefund({ refundNo }));
    const wanted = v3 ? wanted3 : wanted2;
    if (wanted === "UNKNOWN") expect(gist).toMatch(/^UNKNOWN \w/);
    else expect(gist).toBe(wanted);
  });
});

describe("DaxPay's codes", () => {
  let service: Service;
  beforeAll(async () =>
    void (service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(200) }))
  );
  afterAll(() => service[Symbol.asyncDispose]());

  test.each(CODES)("%d %s", async (code, text, wanted) => {
    service.sandbox.setFault("unknown-code", { refundNo: "R-SUCCEEDS", code, text });
    expect(await summarize(service.client.syncRefund({ refundNo: "R-SUCCEEDS" }))).toBe(wanted);
  });
});
