import type { Channel } from "./channel.ts";
import { type Failure, signed, unsigned } from "./failure.ts";
import type { LookupFailures } from "./lookup.ts";

/** Failures of a sync. */
export interface Outcomes extends LookupFailures {
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
  /** Undefined where the sync depends on neither. */
  readonly interfaceOff?: Failure;
  /** Whether it is the application that is switched off, and with it the query. */
  readonly switchedOffByApp: boolean;
  readonly nullPointer: Failure;
  readonly exception: Failure;
  readonly orderMissing: Failure;
  /** Where the channel ends a refund that is still in `init`. */
  readonly conflict?: Failure;
  /** Of the sync of payments, which finds no payment. */
  readonly paymentUnknown: Failure;
}

const BUSY = "退款同步处理中，请勿重复操作";
const NO_REFUND = "未查询到退款订单";
const UNSUPPORTED = "不支持的能力";
const SYSTEM_ERROR = "系统错误";

const isSupported = (channel: Channel) => channel === "ali_pay" || channel === "wechat_pay";

/** 2.x signs every failure within a sync as code 1. */
export const OUTCOMES_2: Outcomes = {
  unknown: signed(1, NO_REFUND),
  ambiguous: unsigned(
    10001,
    "Expected one result (or null) to be returned by selectOne(), but found multiple records",
  ),
  locked: unsigned(10007, BUSY),
  unsupported(channel) {
    if (isSupported(channel)) return undefined;
    switch (channel) {
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
  interfaceOff: unsigned(20000, "该接口权限未开放"),
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

export const OUTCOMES_2_0_8: Outcomes = {
  ...OUTCOMES_2,
  unsupported(channel) {
    if (isSupported(channel)) return undefined;
    return channel === "union_pay" ? unsigned(10001, "数据错误") : signed(1, UNSUPPORTED);
  },
  interfaceOff: unsigned(20023, "该接口权限未开放"),
};

/** 3.x replaces the text of an exception. */
const outcomes3: Omit<Outcomes, "unsupported" | "channelOff" | "unconfigured"> = {
  unknown: signed(20041, NO_REFUND),
  ambiguous: unsigned(10500, SYSTEM_ERROR),
  locked: signed(10507, BUSY),
  young: signed(20080, "间隔10秒以上再发起退款查询请求"),
  earlyKeepsLock: true,
  channelMissing: () => signed(20023, "未找到指定的支付通道配置"),
  interfaceOff: unsigned(20023, "商户应用未启用"),
  switchedOffByApp: true,
  nullPointer: unsigned(10500, "数据错误"),
  exception: unsigned(10500, SYSTEM_ERROR),
  orderMissing: unsigned(10500, SYSTEM_ERROR),
  paymentUnknown: unsigned(10500, SYSTEM_ERROR),
};

export const OUTCOMES_BETA4: Outcomes = {
  ...outcomes3,
  unsupported: (channel) => isSupported(channel) || channel === "union_pay" ? undefined : signed(20030, UNSUPPORTED),
  unconfigured: ["union_pay"],
  // Alipay's name is beta4's own mistake, and its own switch is not checked.
  channelOff: (channel) => channel === "ali_pay" ? undefined : signed(20021, "支付宝支付通道未启用"),
};

export const OUTCOMES_3: Outcomes = {
  ...outcomes3,
  unsupported: (channel) => isSupported(channel) ? undefined : signed(20030, `${UNSUPPORTED}: ${channel}`),
  unconfigured: [],
  channelOff: (channel) => channel === "ali_pay" ? undefined : signed(20021, "微信支付通道未启用"),
};

/**
 * 4.x signs what its services throw (BizException) and localizes the text. The codes of a channel that is missing or
 * switched off are those of DaxPayErrorCode.
 */
export const OUTCOMES_4 = {
  neither: signed(10506, "支付订单号不能都为空"),
  blankIsMissing: true,
  unknown: signed(10405, NO_REFUND),
  // The key of a text that no language file has.
  foreign: signed(10506, "pay.error.orderNotBelong"),
  ambiguous: unsigned(10500, SYSTEM_ERROR),
  locked: signed(10506, "退款处理中，请勿重复操作"),
  unsupported: (channel) => isSupported(channel) ? undefined : signed(20030, `${UNSUPPORTED}: ${channel}`),
  earlyKeepsLock: false,
  unconfigured: [],
  channelMissing: () => signed(20025, "配置不存在"),
  channelOff: () => signed(20021, "支付通道未启用"),
  switchedOffByApp: false,
  nullPointer: unsigned(10500, SYSTEM_ERROR),
  exception: unsigned(10500, SYSTEM_ERROR),
  orderMissing: signed(20044, "交易不存在"),
  conflict: signed(10500, "pay.error.refund.casConflict"),
  paymentUnknown: unsigned(10500, SYSTEM_ERROR),
} as const satisfies Outcomes;
