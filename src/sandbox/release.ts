import type { BeanMember } from "./bean.ts";
import * as check from "./check.ts";
import type { Finding } from "./refunds.ts";
import { type Write, write2, write3 } from "./reply.ts";
import type { Algorithm } from "./signer.ts";
import { seconds, type TimeFormat, wallClock } from "./time.ts";
import { error401, error500, type Page, unauthorised200 } from "./page.ts";

/** How a release tells a finding. */
export interface Telling {
  /** The status it stands for. */
  readonly word?: string;
  readonly code: number;
  readonly text: string | null;
  readonly signed: boolean;
  /** The refund's lock is not asked for, or is left behind until it expires; otherwise taken and given back. */
  readonly lock?: "skipped" | "left";
}

export interface Release {
  /** The POST paths that are served, each with the members of its bean besides reqTime and sign. */
  readonly paths: Readonly<Record<string, readonly BeanMember[]>>;
  readonly time: TimeFormat;
  readonly upperCase: boolean;
  readonly algorithms: Readonly<Partial<Record<Algorithm, Algorithm>>>;
  /** Codes of its exception handler. */
  readonly codes: { readonly system: number; readonly unreadable: number };
  /** In the order in which the server makes them. */
  readonly checks: readonly check.Check[];
  /** The shipped age that a request may have; undefined where no age is too high. */
  readonly reqTimeoutSeconds?: number;
  /** The member of `data` that holds the status. */
  readonly status: "status" | "orderStatus";
  readonly tell: Readonly<Record<Finding, Telling>>;
  readonly write: Write;
  readonly unknownPath: (path: string, now: number) => Page;
}

const state = (word: string): Telling => ({ word, code: 0, text: null, signed: true });
const signed = (code: number, text: string | null): Telling => ({ code, text, signed: true });
const unsigned = (code: number, text: string): Telling => ({ code, text, signed: false });

const refusedBy = {
  reqTime: { code: 10006, signed: false },
  signature: { code: 20000, text: "未通过签名验证", signed: false },
  signature20052: { code: 20052, text: "验签失败", signed: false },
};

const numbers = ["refundNo", "bizRefundNo", "clientIp"] as const;

/** Sizes and addresses are checked from 2.0.8 on. */
const sizes = [
  check.reqTimeGiven,
  check.atMost(100, "refundNo", "退款号"),
  check.atMost(100, "bizRefundNo", "商户退款号"),
  check.clientIpValid,
  check.atMost(64, "clientIp", "用户ip"),
  check.atMost(32, "nonceStr", "随机数"),
  check.atMost(64, "sign", "签名"),
];

/** 2.x signs every failure within a sync as code 1. */
const tell2: Release["tell"] = {
  success: state("refund_success"),
  progress: state("refund_progress"),
  failed: signed(1, "退款失败，可用余额不足"),
  closed: { ...state("close"), lock: "skipped" },
  notFound: state("pay_not_found"),
  notFoundBefore: { ...state("close"), lock: "skipped" },
  channelError: signed(1, "系统繁忙，请稍后再试"),
  speechless: signed(1, null),
  networkError: state("refund_progress"),
  locked: unsigned(10007, "退款同步处理中，请勿重复操作"),
  young: state("refund_success"),
  unsupported: unsigned(28106, "不支持的支付方式"),
  channelMissing: unsigned(10010, "支付宝配置不存在"),
  channelOff: signed(1, "支付宝支付未启用"),
  interfaceOff: unsigned(20000, "该接口权限未开放"),
  nullPointer: unsigned(10001, "数据错误"),
  // 2.x ships with `show-full-message`, so the exception's own text gets out.
  exception: unsigned(
    10001,
    "Redis command timed out; nested exception is io.lettuce.core.RedisCommandTimeoutException",
  ),
  unknown: signed(1, "未查询到退款订单"),
};

/** 3.x takes every trouble with the channel for a failed refund. */
const tell3: Release["tell"] = {
  success: state("success"),
  progress: state("progress"),
  failed: state("fail"),
  closed: state("close"),
  notFound: state("fail"),
  notFoundBefore: state("fail"),
  channelError: state("fail"),
  speechless: state("fail"),
  networkError: state("fail"),
  locked: signed(10507, "退款同步处理中，请勿重复操作"),
  young: { ...signed(20080, "间隔10秒以上再发起退款查询请求"), lock: "left" },
  unsupported: { ...signed(20030, "不支持的能力"), lock: "left" },
  channelMissing: signed(20023, "支付宝配置不存在"),
  channelOff: signed(20021, "支付宝支付未启用"),
  interfaceOff: unsigned(20023, "商户应用未启用"),
  nullPointer: unsigned(10500, "数据错误"),
  exception: unsigned(10500, "系统错误"),
  unknown: signed(20041, "未查询到退款订单"),
};

const v2 = {
  time: seconds,
  upperCase: false,
  algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5" },
  codes: { system: 10001, unreadable: 10005 },
  checks: [check.valid([check.reqTimeGiven], refusedBy.reqTime), check.signatureRight(refusedBy.signature)],
  status: "status",
  tell: tell2,
  write: write2,
  unknownPath: error500,
} as const satisfies Partial<Release>;

const v3 = {
  time: wallClock,
  codes: { system: 10500, unreadable: 10505 },
  status: "orderStatus",
} as const satisfies Partial<Release>;

export const RELEASES = {
  /** The interface page's own words; beneath, a 2.0.6 that knows nonceStr. */
  documented: { ...v2, paths: { "/unipay/sync/pay": [...numbers, "nonceStr"] } },
  "2.0.6": { ...v2, paths: { "/unipay/syncRefund": numbers } },
  "2.0.7": {
    ...v2,
    // The documented path is the payment sync there, whose bean has no refund's number: the signature fails.
    paths: { "/unipay/sync/refund": numbers, "/unipay/sync/pay": ["clientIp"] },
  },
  "2.0.8": {
    ...v2,
    paths: { "/unipay/sync/refund": [...numbers, "nonceStr"], "/unipay/sync/pay": ["clientIp", "nonceStr"] },
    checks: [
      check.valid(sizes, { code: 10006, signed: false }),
      check.signatureRight(refusedBy.signature20052),
      check.timely({ code: 10006, futureSeconds: 60 }),
    ],
    reqTimeoutSeconds: 10,
    tell: {
      ...tell2,
      unsupported: signed(1, "不支持的能力"),
      interfaceOff: unsigned(20023, "该接口权限未开放"),
    },
  },
  "3.0.0-beta4": {
    ...v3,
    paths: { "/unipay/sync/order/refund": [...numbers, "nonceStr", "appId"] },
    upperCase: false,
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "SM3" },
    checks: [
      check.appGiven,
      check.appKnown,
      check.signatureRight({ ...refusedBy.signature20052, signed: true }),
      check.valid([...sizes, check.atMost(32, "appId", "应用号")], { code: 10506, signed: true }),
    ],
    tell: tell3,
    write: write3({ failuresHaveTime: true }),
    unknownPath: unauthorised200,
  },
  "3.0.0": {
    ...v3,
    paths: { "/unipay/sync/order/refund": [...numbers, "nonceStr", "appId", "mchNo"] },
    upperCase: true,
    // Where SM3 is chosen, this server computes MD5 (PaymentAssistService).
    algorithms: { HMAC_SHA256: "HMAC_SHA256", MD5: "MD5", SM3: "MD5" },
    checks: [
      check.valid([
        check.notBlank("mchNo", "商户号"),
        check.notBlank("appId", "应用号"),
        check.atMost(32, "mchNo", "商户号"),
        check.atMost(32, "appId", "应用号"),
        ...sizes,
      ], { code: 10506, signed: false }),
      check.merchantKnown,
      check.appKnown,
      check.signatureRight(refusedBy.signature20052),
      check.timely({ code: 10506 }),
    ],
    tell: { ...tell3, unsupported: { ...signed(20030, "不支持的能力: union_pay"), lock: "left" } },
    write: write3({ failuresHaveTime: false }),
    unknownPath: error401,
  },
} as const satisfies Record<string, Release>;

export type ReleaseName = keyof typeof RELEASES;
export const RELEASE_NAMES = Object.keys(RELEASES) as ReleaseName[];
