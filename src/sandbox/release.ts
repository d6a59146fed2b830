import type { BeanMember } from "./bean.ts";
import { type ChannelVerdict, judge2, judge3, type JudgeChannel } from "./channel.ts";
import * as check from "./check.ts";
import { type Failure, signed, unsigned } from "./failure.ts";
import { type HttpResponse, unserved200, unserved401, unserved500, type UnservedRequest } from "./http.ts";
import { type Outcomes, OUTCOMES_2, OUTCOMES_2_0_8, OUTCOMES_3, OUTCOMES_BETA4 } from "./outcomes.ts";
import { type QueryDialect, queryMembers2, queryMembers3, queryMembersBeta4 } from "./query.ts";
import type { LocalStatus } from "./refunds.ts";
import { type Write, write2, write3 } from "./reply.ts";
import type { LookupScope } from "./rows.ts";
import type { Algorithm } from "./signer.ts";
import { seconds, type TimeFormat, wallClock } from "./time.ts";

/** `paySync` is the sync of payments, whose requests name no refund. */
export type EndpointKind = "sync" | "query" | "paySync";

export interface Endpoint {
  readonly kind: EndpointKind;
  /** Members of its bean besides reqTime and sign. */
  readonly members: readonly BeanMember[];
  /** The method of DaxPay's controller. */
  readonly handler: string;
}

export interface Release {
  /** The POST endpoints, by path. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
  /** Whether a path may end in a slash. */
  readonly trailingSlash: boolean;
  readonly time: TimeFormat;
  readonly upperCase: boolean;
  readonly algorithms: Readonly<Partial<Record<Algorithm, Algorithm>>>;
  /** Codes of its exception handler. */
  readonly codes: { readonly system: number; readonly unreadable: number };
  /** In the order in which the server makes them. */
  readonly checks: readonly check.Check[];
  /** Maximum age of a request, and whether it is enforced as shipped; undefined where the release has no such check. */
  readonly reqTimeout?: { readonly seconds: number; readonly enforced: boolean };
  /** Returned where no sign type is set and a reply has to be signed. */
  readonly typeUnset: Failure;
  /** The same where the release verifies first; undefined where its aspects have a fixed order. */
  readonly verifyFirst?: { readonly typeUnset: Failure };
  /** Whether a request that names one of DaxPay's own terminals (`x-client-code`) fails. */
  readonly failsOnTerminals: boolean;
  readonly scope: LookupScope;
  readonly judge: JudgeChannel;
  /** The local status that a verdict leads to; undefined where it changes nothing. */
  readonly targets: Readonly<Partial<Record<ChannelVerdict["kind"], Exclude<LocalStatus, "progress">>>>;
  /** The status that is returned of a verdict; undefined where it is the refund's own. */
  readonly statuses?: Readonly<Partial<Record<ChannelVerdict["kind"], string>>>;
  /** Whether a refund that is closed locally is returned as such, without lock and channel. */
  readonly closedIsFinal: boolean;
  /** Whether a write to a row that has changed since it was loaded rolls the transaction back. */
  readonly rollsBackStaleWrites: boolean;
  /** The member of the sync's `data` that holds the status. */
  readonly statusMember: "status" | "orderStatus";
  readonly outcomes: Outcomes;
  readonly query: QueryDialect;
  readonly write: Write;
  readonly unserved: (request: UnservedRequest) => HttpResponse;
}

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

const v2 = {
  trailingSlash: true,
  time: seconds,
  upperCase: false,
  algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5" },
  codes: { system: 10001, unreadable: 10005 },
  checks: [
    check.interfaceOn("outer", { off: unsigned(20000, SWITCHED_OFF), missing: unsigned(10010, NO_INTERFACE) }),
    check.valid([check.reqTimeGiven], { code: 10006, signed: false }),
    check.signatureValid({ wrong: unsigned(20000, "未通过签名验证"), typeUnset: unsigned(20000, "签名方式错误") }),
    check.interfaceOn("inner", { off: signed(1, SWITCHED_OFF), missing: unsigned(10010, NO_INTERFACE) }),
  ],
  typeUnset: unsigned(20000, NO_SIGN_TYPE),
  failsOnTerminals: false,
  scope: { app: false, merchant: false },
  judge: judge2,
  targets: { success: "success", notFound: "close" },
  statuses: { success: "refund_success", progress: "refund_progress", notFound: "pay_not_found" },
  closedIsFinal: true,
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

const v3 = {
  trailingSlash: false,
  time: wallClock,
  codes: { system: 10500, unreadable: 10505 },
  typeUnset: unsigned(10506, `验证参数错误\n${NO_SIGN_TYPE}`),
  judge: judge3,
  targets: { success: "success", closed: "close", failed: "fail" },
  closedIsFinal: false,
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
    verifyFirst: { typeUnset: unsigned(20000, NO_SIGN_TYPE) },
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
      check.valid(sizes, { code: 10006, signed: false }),
      check.signatureValid({ wrong: unsigned(20052, WRONG_SIGN), typeUnset: unsigned(20052, WRONG_SIGN) }),
      check.timely({ code: 10006, futureSeconds: 60 }),
      // The failure cannot be signed, since the platform's settings were not loaded yet.
      check.interfaceOn("inner", {
        off: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`),
        missing: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`),
      }),
    ],
    reqTimeout: { seconds: 10, enforced: true },
    verifyFirst: { typeUnset: unsigned(10006, `验证参数错误\n${NO_SIGN_TYPE}`) },
    outcomes: OUTCOMES_2_0_8,
    query: { ...v2.query, neither: unsigned(10006, `验证参数错误\n${NO_NUMBER}`) },
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
    upperCase: false,
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "SM3" },
    checks: [
      check.appGiven,
      check.appKnown,
      check.accountOn,
      check.signatureValid({ wrong: signed(20052, WRONG_SIGN), typeUnset: v3.typeUnset }),
      check.valid([...sizes, check.maxLength(32, "appId", "应用号")], { code: 10506, signed: true }),
    ],
    failsOnTerminals: false,
    scope: { app: true, merchant: false },
    rollsBackStaleWrites: false,
    outcomes: OUTCOMES_BETA4,
    query: { ...query3, members: queryMembersBeta4, inherited: ["appId", "id", "createTime"] },
    write: write3({ failuresHaveTime: true }),
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
    upperCase: true,
    // Where SM3 is chosen, this server computes MD5 (PaymentAssistService).
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "MD5" },
    checks: [
      check.valid([
        check.notBlank("mchNo", "商户号"),
        check.notBlank("appId", "应用号"),
        check.maxLength(32, "mchNo", "商户号"),
        check.maxLength(32, "appId", "应用号"),
        ...sizes,
      ], { code: 10506, signed: false }),
      check.merchantKnown,
      check.appKnown,
      check.appOfMerchant,
      check.accountOn,
      check.signatureValid({ wrong: unsigned(20052, WRONG_SIGN), typeUnset: v3.typeUnset }),
      check.timely({ code: 10506 }),
    ],
    reqTimeout: { seconds: 30, enforced: false },
    failsOnTerminals: true,
    scope: { app: true, merchant: true },
    rollsBackStaleWrites: true,
    outcomes: OUTCOMES_3,
    query: { ...query3, members: queryMembers3 },
    write: write3({ failuresHaveTime: false }),
    unserved: unserved401,
  },
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];
