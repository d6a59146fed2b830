import { judge2, judge3 } from "./channel.ts";
import * as check from "./check.ts";
import { signed, unsigned } from "./failure.ts";
import { unserved200, unserved401, unserved500 } from "./http.ts";
import { NOTICES_2_0_6, NOTICES_2_0_7, NOTICES_3, NOTICES_BETA4 } from "./notice.ts";
import { OUTCOMES_2, OUTCOMES_2_0_8, OUTCOMES_3, OUTCOMES_BETA4 } from "./outcomes.ts";
import { queryMembers2, queryMembers3, queryMembersBeta4 } from "./query.ts";
import type { Release } from "./release-type.ts";
import { release4 } from "./release4.ts";
import { write2, write3 } from "./reply.ts";
import { seconds, wallClock } from "./time.ts";

const numbers = ["refundNo", "bizRefundNo", "clientIp"] as const;

/** Sizes and addresses are checked from 2.0.8 on. */
const sizes = [
  check.reqTimeGiven,
  check.maxLength(100, "refundNo", "退款号"),
  check.maxLength(100, "bizRefundNo", "商户退款号"),
  check.maxLength(64, "clientIp", "客户端ip"),
  check.clientIpValid,
  check.maxLength(32, "nonceStr", "随机数"),
  check.maxLength(64, "sign", "签名"),
];

const NO_SIGN_TYPE = "未获取到签名方式，请检查";
const NO_NUMBER = "退款号或商户退款号不能都为空";
const NO_ORDER = "退款订单不存在";
const WRONG_SIGN = "验签失败";
const SWITCHED_OFF = "该接口权限未开放";
const NO_INTERFACE = "未找到接口信息";

const violating = (code: number) => (lines: string) => unsigned(code, `验证参数错误\n${lines}`);

/** 2.x and 3.x. */
const before4 = {
  wrongMethod: (method) => `不支持${method}请求方法，支持以下POST`,
  localized: false,
  traceIdInHeader: false,
  guardsNonces: false,
  locksLate: false,
  startsInInit: false,
  creditsFailures: false,
} as const satisfies Partial<Release>;

const v2 = {
  ...before4,
  trailingSlash: true,
  time: seconds,
  digest: {
    upperCase: false,
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5" },
    typeUnset: unsigned(20000, NO_SIGN_TYPE),
  },
  codes: { system: 10001, unreadable: 10005 },
  checks: [
    check.interfaceOn("outer", { off: unsigned(20000, SWITCHED_OFF), missing: unsigned(10010, NO_INTERFACE) }),
    check.valid([check.reqTimeGiven], violating(10006)),
    check.signatureValid({ wrong: unsigned(20000, "未通过签名验证"), typeUnset: unsigned(20000, "签名方式错误") }),
    check.interfaceOn("inner", { off: signed(1, SWITCHED_OFF), missing: unsigned(10010, NO_INTERFACE) }),
  ],
  failsOnTerminals: false,
  scope: { app: false, merchant: false },
  judge: judge2,
  targets: { success: "success", notFound: "close" },
  statuses: { success: "refund_success", progress: "refund_progress", notFound: "pay_not_found" },
  finalStatuses: ["close"],
  rollsBackStaleWrites: false,
  statusMember: "status",
  outcomes: OUTCOMES_2,
  query: {
    neither: signed(1, "退款号或=商户退款号不能都为空"),
    unknown: signed(1, NO_ORDER),
    members: queryMembers2,
  },
  write: write2,
  unserved: unserved500,
} as const satisfies Partial<Release>;

const TYPE_UNSET_3 = unsigned(10506, `验证参数错误\n${NO_SIGN_TYPE}`);

const v3 = {
  ...before4,
  trailingSlash: false,
  time: wallClock,
  codes: { system: 10500, unreadable: 10505 },
  judge: judge3,
  targets: { success: "success", closed: "close", failed: "fail" },
  finalStatuses: [],
  statusMember: "orderStatus",
} as const satisfies Partial<Release>;

const query3 = { neither: signed(10506, `验证参数错误\n${NO_NUMBER}`), unknown: signed(20041, NO_ORDER) } as const;

const PACKAGE = "cn.daxpay.single.gateway.controller";

export const RELEASES = {
  /** The interface page's own words; beneath, a 2.0.6 that knows nonceStr. */
  documented: {
    ...v2,
    endpoints: {
      "/unipay/sync/pay": {
        kind: "sync",
        members: [...numbers, "nonceStr"],
        handler: `${PACKAGE}.UniPayController.syncRefund`,
      },
    },
  },
  "2.0.6": {
    ...v2,
    endpoints: {
      "/unipay/syncRefund": { kind: "sync", members: numbers, handler: `${PACKAGE}.UniPayController.syncRefund` },
      // Sic. It looks for a row whose key is the refundNo, so that it never finds any.
      "/uni/query/refundOrder": {
        kind: "query",
        members: numbers,
        handler: `${PACKAGE}.UniQueryController.queryRefundOrder`,
      },
    },
    query: {
      neither: unsigned(10006, "验证参数错误\n退款号或退款ID不能都为空"),
      unknown: unsigned(10010, "未查询到支付订单"),
    },
    notices: NOTICES_2_0_6,
  },
  "2.0.7": {
    ...v2,
    // The documented path is the payment sync there, whose bean has no refund's number: the signature fails.
    endpoints: {
      "/unipay/sync/refund": { kind: "sync", members: numbers, handler: `${PACKAGE}.UniPaySyncController.refund` },
      "/unipay/sync/pay": { kind: "paySync", members: ["clientIp"], handler: `${PACKAGE}.UniPaySyncController.pay` },
      "/unipay/query/refundOrder": {
        kind: "query",
        members: numbers,
        handler: `${PACKAGE}.UniQueryController.queryRefundOrder`,
      },
    },
    digest: { ...v2.digest, verifyFirst: { typeUnset: v2.digest.typeUnset } },
    notices: NOTICES_2_0_7,
  },
  "2.0.8": {
    ...v2,
    endpoints: {
      "/unipay/sync/refund": {
        kind: "sync",
        members: [...numbers, "nonceStr"],
        handler: `${PACKAGE}.UniPaySyncController.refund`,
      },
      "/unipay/sync/pay": {
        kind: "paySync",
        members: ["clientIp", "nonceStr"],
        handler: `${PACKAGE}.UniPaySyncController.pay`,
      },
      "/unipay/query/refundOrder": {
        kind: "query",
        members: [...numbers, "nonceStr"],
        handler: `${PACKAGE}.UniQueryController.queryRefundOrder`,
      },
    },
    checks: [
      check.interfaceOn("outer", { off: unsigned(20023, SWITCHED_OFF), missing: unsigned(20024, NO_INTERFACE) }),
      check.valid(sizes, violating(10006)),
      check.signatureValid({ wrong: unsigned(20052, WRONG_SIGN), typeUnset: unsigned(20052, WRONG_SIGN) }),
      check.timely({ code: 10006, futureSeconds: 60 }),
      // The failure cannot be signed, since the platform's settings were not loaded yet.
      check.interfaceOn("inner", {
        off: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`),
        missing: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`),
      }),
    ],
    reqTimeout: { seconds: 10, enforced: true },
    digest: { ...v2.digest, verifyFirst: { typeUnset: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`) } },
    outcomes: OUTCOMES_2_0_8,
    query: { ...v2.query, neither: unsigned(10006, `验证参数错误\n${NO_NUMBER}`) },
    notices: NOTICES_2_0_7,
  },
  "3.0.0-beta4": {
    ...v3,
    endpoints: {
      "/unipay/sync/order/refund": {
        kind: "sync",
        members: [...numbers, "nonceStr", "appId"],
        handler: "org.dromara.daxpay.service.controller.unipay.UniSyncController.refund",
      },
      "/unipay/query/refundOrder": {
        kind: "query",
        members: [...numbers, "nonceStr", "appId"],
        handler: "org.dromara.daxpay.service.controller.unipay.UniQueryController.queryRefundOrder",
      },
    },
    digest: {
      upperCase: false,
      algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "SM3" },
      typeUnset: TYPE_UNSET_3,
    },
    checks: [
      check.appGiven,
      check.appKnown,
      check.accountOn,
      check.signatureValid({ wrong: signed(20052, WRONG_SIGN), typeUnset: TYPE_UNSET_3 }),
      check.valid(
        [...sizes, check.maxLength(32, "appId", "应用号")],
        (lines) => ({ ...violating(10506)(lines), signed: true }),
      ),
    ],
    failsOnTerminals: false,
    scope: { app: true, merchant: false },
    rollsBackStaleWrites: false,
    outcomes: OUTCOMES_BETA4,
    query: { ...query3, members: queryMembersBeta4, inherited: ["appId", "id", "createTime"] },
    write: write3({ failuresHaveTime: true }),
    notices: NOTICES_BETA4,
    unserved: unserved200,
  },
  "3.0.0": {
    ...v3,
    endpoints: {
      "/unipay/sync/order/refund": {
        kind: "sync",
        members: [...numbers, "nonceStr", "appId", "mchNo"],
        handler: "org.dromara.daxpay.server.controller.gateway.UniSyncController.refund",
      },
      "/unipay/query/refundOrder": {
        kind: "query",
        members: [...numbers, "nonceStr", "appId", "mchNo"],
        handler: "org.dromara.daxpay.server.controller.gateway.UniQueryController.queryRefundOrder",
      },
    },
    digest: {
      upperCase: true,
      // Where SM3 is chosen, this server computes MD5 (PaymentAssistService).
      algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "MD5" },
      typeUnset: TYPE_UNSET_3,
    },
    checks: [
      check.valid([
        check.notBlank("mchNo", "商户号"),
        check.notBlank("appId", "应用号"),
        check.maxLength(32, "mchNo", "商户号"),
        check.maxLength(32, "appId", "应用号"),
        ...sizes,
      ], violating(10506)),
      check.merchantKnown,
      check.appKnown,
      check.appOfMerchant,
      check.accountOn,
      check.signatureValid({ wrong: unsigned(20052, WRONG_SIGN), typeUnset: TYPE_UNSET_3 }),
      check.timely({ code: 10506 }),
    ],
    reqTimeout: { seconds: 30, enforced: false },
    failsOnTerminals: true,
    scope: { app: true, merchant: true },
    rollsBackStaleWrites: true,
    outcomes: OUTCOMES_3,
    query: { ...query3, members: queryMembers3 },
    write: write3({ failuresHaveTime: false }),
    notices: NOTICES_3,
    unserved: unserved401,
  },
  "4.0.0-beta": release4(),
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];
