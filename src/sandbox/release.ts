import type { BeanMember } from "./bean.ts";
import { type Channel, type ChannelVerdict, judge2, judge3, type JudgeChannel } from "./channel.ts";
import * as check from "./check.ts";
import type { Check, Failure } from "./check.ts";
import { type HttpResponse, unserved200, unserved401, unserved500, type UnservedRequest } from "./http.ts";
import type { LookupScope } from "./ledger.ts";
import { type QueryDialect, queryMembers2, queryMembers3, queryMembersBeta4 } from "./query.ts";
import type { LocalStatus } from "./refunds.ts";
import { type Write, write2, write3 } from "./reply.ts";
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

/** Failures of a sync. */
export interface Outcomes {
  readonly unknown: Failure;
  /** Where bizRefundNo finds several refunds. */
  readonly ambiguous: Failure;
  readonly locked: Failure;
  /** Of an Alipay refund in its first 10 s; undefined where the release does not check it. */
  readonly young?: Failure;
  /** Undefined where the release can sync the channel. */
  readonly unsupported: (channel: Channel) => Failure | undefined;
  /** Whether an unsupported channel, a young refund or a null pointer leaves the refund's lock behind. */
  readonly earlyKeepsLock: boolean;
  /** Channels that the release supports and the sandbox has no configuration for. */
  readonly unconfigured: readonly Channel[];
  readonly channelMissing: (channel: Channel) => Failure;
  /** Undefined where the release does not check whether the channel is switched on. */
  readonly channelOff: (channel: Channel) => Failure | undefined;
  readonly interfaceOff: Failure;
  /** Whether it is the application that is switched off, and with it the query. */
  readonly switchedOffByApp: boolean;
  readonly nullPointer: Failure;
  readonly exception: Failure;
  readonly orderMissing: Failure;
  /** Of the sync of payments, which finds no payment. */
  readonly paymentUnknown: Failure;
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
  readonly checks: readonly Check[];
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

const signed = (code: number, text: string | null): Failure => ({ code, text, signed: true });
const unsigned = (code: number, text: string): Failure => ({ code, text, signed: false });

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
const BUSY = "退款同步处理中，请勿重复操作";
const NO_REFUND = "未查询到退款订单";
const NO_ORDER = "退款订单不存在";
const WRONG_SIGN = "验签失败";
const SWITCHED_OFF = "该接口权限未开放";
const NO_INTERFACE = "未找到接口信息";
const UNSUPPORTED = "不支持的能力";

/** 2.x signs every failure within a sync as code 1. */
const outcomes2: Outcomes = {
  unknown: signed(1, NO_REFUND),
  ambiguous: unsigned(
    10001,
    "Expected one result (or null) to be returned by selectOne(), but found multiple records",
  ),
  locked: unsigned(10007, BUSY),
  unsupported(channel) {
    switch (channel) {
      case "ali_pay":
      case "wechat_pay":
        return undefined;
      case "union_pay":
        return unsigned(10001, "数据错误");
      case "wallet_pay":
        return unsigned(28106, "不支持的支付方式");
      default:
        return signed(1, "不存在的支付通道");
    }
  },
  earlyKeepsLock: false,
  unconfigured: [],
  channelMissing: (channel) => unsigned(10010, channel === "ali_pay" ? "支付宝配置不存在" : "微信支付配置不存在"),
  channelOff: () => undefined,
  interfaceOff: unsigned(20000, SWITCHED_OFF),
  switchedOffByApp: false,
  nullPointer: unsigned(10001, "数据错误"),
  // 2.x ships with `show-full-message`, so the exception's own text gets out.
  exception: unsigned(
    10001,
    "Redis command timed out; nested exception is io.lettuce.core.RedisCommandTimeoutException",
  ),
  orderMissing: unsigned(10001, "支付单不存在"),
  paymentUnknown: signed(1, "支付订单不存在"),
};

/** 3.x replaces the text of an exception. */
const outcomes3: Omit<Outcomes, "unsupported" | "channelOff" | "unconfigured"> = {
  unknown: signed(20041, NO_REFUND),
  ambiguous: unsigned(10500, "系统错误"),
  locked: signed(10507, BUSY),
  young: signed(20080, "间隔10秒以上再发起退款查询请求"),
  earlyKeepsLock: true,
  channelMissing: () => signed(20023, "未找到指定的支付通道配置"),
  interfaceOff: unsigned(20023, "商户应用未启用"),
  switchedOffByApp: true,
  nullPointer: unsigned(10500, "数据错误"),
  exception: unsigned(10500, "系统错误"),
  orderMissing: unsigned(10500, "系统错误"),
  paymentUnknown: unsigned(10500, "系统错误"),
};

const isSupported = (channel: Channel) => channel === "ali_pay" || channel === "wechat_pay";

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
  outcomes: outcomes2,
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
    outcomes: {
      ...outcomes2,
      unsupported(channel) {
        if (isSupported(channel)) return undefined;
        return channel === "union_pay" ? unsigned(10001, "数据错误") : signed(1, UNSUPPORTED);
      },
      interfaceOff: unsigned(20023, SWITCHED_OFF),
    },
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
    outcomes: {
      ...outcomes3,
      unsupported: (channel) =>
        isSupported(channel) || channel === "union_pay" ? undefined : signed(20030, UNSUPPORTED),
      unconfigured: ["union_pay"],
      channelOff: (channel) => channel === "ali_pay" ? undefined : signed(20021, "支付宝支付通道未启用"),
    },
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
    outcomes: {
      ...outcomes3,
      unsupported: (channel) => isSupported(channel) ? undefined : signed(20030, `${UNSUPPORTED}: ${channel}`),
      unconfigured: [],
      channelOff: (channel) => channel === "ali_pay" ? undefined : signed(20021, "微信支付通道未启用"),
    },
    query: { ...query3, members: queryMembers3 },
    write: write3({ failuresHaveTime: false }),
    unserved: unserved401,
  },
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];
