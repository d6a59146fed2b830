import { type Channel, CHANNEL_STATES } from "./channel.ts";
import { type FaultName, FAULTS } from "./fault.ts";

/** A refund's status in DaxPay's own table (RefundStatusEnum, 4.x: RefundOrderStatusEnum). Only 4.x has `init`. */
export const LOCAL_STATUSES = ["init", "progress", "success", "close", "fail"] as const;
export type LocalStatus = typeof LOCAL_STATUSES[number];
export type FinalStatus = Exclude<LocalStatus, "init" | "progress">;

/** What keeps a sync from calling the channel. */
export const OBSTACLES = [
  /** Somebody else holds the refund's lock. */
  "locked",
  "channelMissing",
  "channelOff",
  /** 2.x: the sync interface is switched off; 3.x: the application is. */
  "interfaceOff",
  /** A NullPointerException before the channel is called. */
  "nullPointer",
  /** Any other unexpected exception. */
  "exception",
] as const;

export const SCENARIOS = [...CHANNEL_STATES, ...OBSTACLES] as const;
/** The outcome of a sync's channel call, or the obstacle before it. */
export type Scenario = typeof SCENARIOS[number];

/** Initial state of a refund. */
export interface RefundSpec {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly channel: Channel;
  readonly status: LocalStatus;
  /** Of the first sync, the second, and so on; the last one repeats. */
  readonly scenarios: readonly Scenario[];
  /** The channel's text where a scenario is ERROR. */
  readonly error?: string | null;
  /** Milliseconds between the refund's request and its first use; five days unless set. */
  readonly ageMs?: number;
  /** Restored after each sync, unlike any real refund. */
  readonly restored?: boolean;
}

export interface NamedRefund extends RefundSpec {
  readonly description: string;
  /** How the reply to its sync is broken. */
  readonly fault?: FaultName;
  /** Whether DaxPay has no such refund. */
  readonly unknown?: boolean;
}

const BALANCE_TOO_LOW = "退款失败，可用余额不足";
const wechat = { channel: "wechat_pay", status: "progress" } as const;
const alipay = { channel: "ali_pay", status: "progress" } as const;

type Named = Partial<Omit<NamedRefund, "scenarios">> & Pick<NamedRefund, "channel" | "status" | "description">;

const NAMED: readonly (readonly [name: string, scenarios: readonly Scenario[], rest: Named])[] = [
  ["SUCCEEDS", ["SUCCESS"], { ...wechat, description: "succeeds" }],
  ["WAITS-1", times(1, "PROCESSING", "SUCCESS"), { ...wechat, description: "WeChat: in progress once, then succeeds" }],
  [
    "WAITS-3",
    times(3, "PROCESSING", "SUCCESS"),
    { ...wechat, description: "WeChat: in progress three times, then succeeds" },
  ],
  ["WAITS", ["PROCESSING"], { ...wechat, description: "WeChat: always in progress" }],
  [
    "WAITS-FAILS",
    ["PROCESSING", "ERROR"],
    { ...wechat, error: BALANCE_TOO_LOW, description: "WeChat: in progress once, then refused" },
  ],
  [
    "WAITS-CLOSES",
    ["PROCESSING", "CLOSED"],
    {
      ...wechat,
      description: "WeChat: in progress once, then closed: code 1 without a text on 2.x, `close` on 3.x",
    },
  ],
  [
    "FAILS",
    ["ERROR"],
    { ...wechat, error: BALANCE_TOO_LOW, description: "refused by the channel: code 1 on 2.x, `fail` on 3.x" },
  ],
  [
    "CLOSED",
    ["CLOSED"],
    { ...wechat, status: "close", description: "closed in DaxPay; each sync on 3.x credits its amount again" },
  ],
  [
    "ABNORMAL",
    ["CHANGE"],
    {
      ...wechat,
      description:
        "WeChat cannot return the money (退款异常): code 1 without a text on 2.x, `close` on 3.x, `fail` on 4.x",
    },
  ],
  [
    "INIT",
    ["SUCCESS"],
    { ...wechat, status: "init", description: "created, but not sent to WeChat: `init` on 4.x; succeeds before" },
  ],
  [
    "LOST",
    ["NOT_EXIST"],
    {
      ...wechat,
      description: "unknown to WeChat: `pay_not_found` on 2.x, which closes it and credits its amount, `fail` on 3.x",
    },
  ],
  ["ALIPAY-LOST", ["NOT_EXIST"], { ...alipay, description: "unknown to Alipay: code 1 on 2.x, `fail` on 3.x" }],
  ["UNKNOWN", [], { ...wechat, unknown: true, description: "unknown to DaxPay, as is any number not listed here" }],
  [
    "ALIPAY-UNFINISHED",
    ["PROCESSING"],
    { ...alipay, description: "still running at Alipay: code 1 on 2.x, `fail` on 3.x, never in progress" },
  ],
  [
    "FAILED-THEN-PROCESSING",
    ["NETWORK_ERROR", "PROCESSING"],
    { ...wechat, description: "WeChat unreachable once, then in progress: 3.x keeps returning `fail`" },
  ],
  [
    "SOFT-FAILS",
    times(2, "NETWORK_ERROR", "SUCCESS"),
    { ...wechat, description: "WeChat unreachable twice, then succeeds: 3.x returns `fail` twice" },
  ],
  [
    "NETWORK",
    ["NETWORK_ERROR"],
    { ...wechat, description: "WeChat unreachable: in progress on 2.x, `fail` on 3.x" },
  ],
  [
    "ALIPAY-NETWORK",
    ["NETWORK_ERROR"],
    { ...alipay, description: "Alipay unreachable: code 1 without a text on 2.x, `fail` on 3.x" },
  ],
  [
    "CHANNEL-ERROR",
    ["ERROR"],
    { ...alipay, error: "系统繁忙，请稍后再试", description: "the channel fails: code 1 on 2.x, `fail` on 3.x" },
  ],
  ["SPEECHLESS", ["ERROR"], { ...alipay, error: null, description: "the channel fails without a text" }],
  [
    "UNPARSABLE",
    ["UNPARSABLE"],
    { ...wechat, description: "the channel's answer is garbage: code 1 without a text on 2.x, 10500 on 3.x" },
  ],
  ["LOCKED-1", times(1, "locked", "SUCCESS"), { ...wechat, description: "locked by another sync once, then succeeds" }],
  [
    "LOCKED-3",
    times(3, "locked", "SUCCESS"),
    { ...wechat, description: "locked by another sync three times, then succeeds" },
  ],
  ["LOCKED", ["locked"], { ...wechat, description: "always locked by another sync" }],
  [
    "YOUNG",
    ["SUCCESS"],
    {
      ...alipay,
      ageMs: 0,
      description: "Alipay, requested when it is first used: 3.x returns 20080 for 10 s and stays locked as long",
    },
  ],
  [
    "UNSUPPORTED",
    ["SUCCESS"],
    { ...wechat, channel: "wallet_pay", description: "its channel has no sync; 3.x stays locked for 10 s" },
  ],
  ["CHANNEL-MISSING", ["channelMissing"], { ...alipay, description: "its channel is not configured" }],
  [
    "CHANNEL-OFF",
    ["channelOff"],
    { ...wechat, description: "its channel is switched off, which 2.x does not check: succeeds there" },
  ],
  [
    "INTERFACE-OFF",
    ["interfaceOff"],
    { ...wechat, description: "the interface (2.x) or the application (3.x) is switched off" },
  ],
  [
    "NULL-POINTER",
    ["nullPointer"],
    { ...alipay, description: "a null pointer in DaxPay: 10001 on 2.x, 10500 on 3.x, which stays locked for 10 s" },
  ],
  ["EXCEPTION", ["exception"], { ...wechat, description: "another exception in DaxPay: 10001 on 2.x, 10500 on 3.x" }],
  [
    "CONTRADICTS",
    ["SUCCESS", "CLOSED"],
    {
      ...wechat,
      description: "succeeds, then closed by WeChat: a second sync returns `close` on 3.x, code 1 on 2.x",
    },
  ],
  [
    "REVIVES",
    ["CLOSED", "SUCCESS"],
    { ...wechat, description: "closed by WeChat, then succeeds, which 3.x returns as `close` and `success`" },
  ],
];

/** The refunds that the sandbox knows from the start. With both numbers, refundNo decides. */
export const REFUNDS: readonly NamedRefund[] = [
  {
    ...wechat,
    refundNo: "DEVR24051020531763000004",
    bizRefundNo: "B-PAGE",
    scenarios: ["NOT_EXIST"],
    restored: true,
    description:
      "the interface page's example, unknown to WeChat: `pay_not_found` on 2.x, `fail` on 3.x, and restored each time",
  },
  ...NAMED.map(([name, scenarios, rest]) => ({
    ...rest,
    refundNo: `R-${name}`,
    bizRefundNo: `B-${name}`,
    scenarios,
  })),
  ...(Object.keys(FAULTS) as FaultName[]).filter((fault) => FAULTS[fault].kind !== "connect").map((fault) => ({
    ...wechat,
    refundNo: `FAULT-${fault.toUpperCase()}`,
    bizRefundNo: `B-FAULT-${fault.toUpperCase()}`,
    scenarios: ["SUCCESS"] as const,
    fault,
    description: FAULTS[fault].description,
  })),
];

/** Refunds that exist by their number alone, for load tests. The number is valid in either member. */
export const FAMILIES: readonly { readonly pattern: string; readonly description: string }[] = [
  { pattern: "LOAD-…", description: "succeeds; in progress to a query until its first sync" },
  { pattern: "WAIT<n>-…", description: "in progress n times (up to 999), then succeeds" },
];

const BY_REFUND_NO = new Map(REFUNDS.map((refund) => [refund.refundNo, refund]));
const BY_BIZ_REFUND_NO = new Map(REFUNDS.map((refund) => [refund.bizRefundNo, refund]));

/** The named refund, or the member of a family, with this number. */
export function namedRefund(kind: "refundNo" | "bizRefundNo", number: string): NamedRefund | undefined {
  return (kind === "refundNo" ? BY_REFUND_NO : BY_BIZ_REFUND_NO).get(number);
}

/** Whether the number belongs to the family whose rows are not stored. */
export function isLoad(number: string): boolean {
  return number.startsWith("LOAD-");
}

export function familyRefund(number: string): RefundSpec | undefined {
  if (isLoad(number)) return member(number, ["SUCCESS"]);
  const wait = /^WAIT(\d{1,3})-/.exec(number);
  return wait ? member(number, times(Number(wait[1]), "PROCESSING", "SUCCESS")) : undefined;
}

function member(number: string, scenarios: readonly Scenario[]): RefundSpec {
  return { ...wechat, refundNo: number, bizRefundNo: number, scenarios };
}

function times(count: number, scenario: Scenario, last: Scenario): Scenario[] {
  return [...Array<Scenario>(count).fill(scenario), last];
}
