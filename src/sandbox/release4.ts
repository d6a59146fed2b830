import type { BeanMember } from "./bean.ts";
import { judge4 } from "./channel.ts";
import * as check from "./check.ts";
import { servePing, unserved404 } from "./http.ts";
import { notices4 } from "./notice.ts";
import { OUTCOMES_4 } from "./outcomes.ts";
import { queryMembers4 } from "./query.ts";
import type { Release } from "./release-type.ts";
import { write4 } from "./reply.ts";
import { beijingTime, utcTime } from "./time.ts";

/**
 * States of 4.0.0-beta, oldest first, by what they brought. `utc-times` verifies and signs its own rewriting of times, so
 * that a client which signs what it sends is always refused (dax-pay#34); `beijing-times` (da838d25) is the first that
 * can be used. `signed-ping` (d1ff758e) added the ping, `signed-failures` (21 September 2026) signs what fails before an
 * interface is reached, and `numeric-amounts` (603e7c79) writes amounts as numbers.
 */
export const BETA_STATES = ["utc-times", "beijing-times", "signed-ping", "signed-failures", "numeric-amounts"] as const;
export type BetaState = typeof BETA_STATES[number];

const COMMON: readonly BeanMember[] = ["mchNo", "appId", "reqId", "nonceStr", "clientIp"];
const CONTROLLERS = "cn.daxpay.open.payment.unipay.trade.controller";

/** The texts are inferred: no language file that was read has them. */
const RULES = [
  check.notBlank("mchNo", "商户号"),
  check.maxLength(32, "mchNo", "商户号"),
  check.maxLength(32, "appId", "应用号"),
  check.notBlank("reqId", "请求ID"),
  check.maxLength(64, "reqId", "请求ID"),
  check.reqTimeGiven,
  check.maxLength(100, "refundNo", "退款号"),
  check.maxLength(100, "bizRefundNo", "商户退款号"),
  check.maxLength(64, "clientIp", "客户端ip"),
  check.clientIpValid,
  check.maxLength(32, "nonceStr", "随机数"),
  check.maxLength(1024, "sign", "签名"),
];

/** The newest state unless another is named. */
export function release4(state: BetaState = "numeric-amounts") {
  const has = (wanted: BetaState) => BETA_STATES.indexOf(state) >= BETA_STATES.indexOf(wanted);
  const signsChecks = has("signed-failures");
  const fail: check.Fail = (code, text) => ({ code, text, signed: signsChecks, timed: true });
  return {
    endpoints: {
      "/unipay/sync/order/refund": {
        kind: "sync",
        members: [...COMMON, "refundNo", "bizRefundNo"],
        handler: `${CONTROLLERS}.UniSyncController.refund`,
      },
      "/unipay/query/refund-order": {
        kind: "query",
        members: [...COMMON, "refundNo", "bizRefundNo"],
        handler: `${CONTROLLERS}.UniQueryController.queryRefundOrder`,
      },
      ...(has("signed-ping") && {
        "/unipay/ping": {
          kind: "ping",
          members: COMMON,
          handler: `${CONTROLLERS}.UnipaySignedPingController.ping`,
        } as const,
      }),
    },
    trailingSlash: false,
    time: has("beijing-times") ? beijingTime : utcTime,
    codes: { system: 10500, unreadable: 10505 },
    // PaymentVerifyAspect
    checks: [
      check.valid(RULES, (lines) => fail(10506, `参数验证失败: ${lines}`)),
      check.merchantOn(fail),
      check.rsaSignatureValid(fail),
      check.nonceUnused(fail),
      check.inWindow(fail),
    ],
    reqTimeout: { seconds: 300, enforced: false },
    guardsNonces: true,
    wrongMethod: () => "不支持的操作",
    localized: true,
    traceIdInHeader: true,
    failsOnTerminals: false,
    scope: { app: false, merchant: true, foreign: true },
    judge: judge4,
    targets: { success: "success", closed: "close", failed: "fail" },
    finalStatuses: ["success", "fail", "close"],
    locksLate: true,
    startsInInit: true,
    creditsFailures: true,
    rollsBackStaleWrites: true,
    statusMember: "orderStatus",
    outcomes: OUTCOMES_4,
    query: {
      neither: OUTCOMES_4.neither,
      unknown: OUTCOMES_4.unknown,
      members: queryMembers4({ amountsAreTexts: !has("numeric-amounts") }),
    },
    write: write4({ traceIdInBody: !has("beijing-times") }),
    notices: notices4({ hasEventId: has("numeric-amounts") }),
    unserved: has("signed-ping") ? servePing : unserved404,
  } as const satisfies Release;
}
