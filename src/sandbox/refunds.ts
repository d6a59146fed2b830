import { type FaultName, FAULTS } from "./fault.ts";

/** What happens inside DaxPay when it looks after a refund. A release's row says how that release tells it. */
export type Finding =
  | "success"
  | "progress"
  | "failed"
  | "closed"
  /** The channel has no such refund. */
  | "notFound"
  /** As notFound, after 2.x has closed the refund because of it. */
  | "notFoundBefore"
  /** The channel answers with an error of its own. */
  | "channelError"
  /** The channel answers with an error that has no text. */
  | "speechless"
  | "networkError"
  /** Somebody else holds the refund's lock. */
  | "locked"
  /** Alipay's refund is too young to be asked for in its first 10 s, which begin with the first sync. */
  | "young"
  | "unsupported"
  | "channelMissing"
  | "channelOff"
  | "interfaceOff"
  /** A NullPointerException. */
  | "nullPointer"
  /** Any other unexpected exception. */
  | "exception"
  /** DaxPay itself has no such refund. */
  | "unknown";

/** What the first sync finds, the second, and so on; the last one repeats. Or how the answer is broken. */
export type Behaviour = { readonly findings: readonly Finding[] } | { readonly fault: FaultName };

export interface RefundRow {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly behaviour: Behaviour;
  readonly meaning: string;
}

const NAMED: readonly (readonly [name: string, findings: readonly Finding[], meaning: string])[] = [
  ["SUCCEEDS", ["success"], "succeeded"],
  ["WAITS-1", ["progress", "success"], "in progress once, then succeeded"],
  ["WAITS-3", times(3, "progress", "success"), "in progress three times, then succeeded"],
  ["WAITS", ["progress"], "in progress for ever"],
  ["WAITS-FAILS", ["progress", "failed"], "in progress once, then refused by the channel"],
  ["WAITS-CLOSES", ["progress", "closed"], "in progress once, then closed"],
  ["FAILS", ["failed"], "refused by the channel: code 1 on 2.x, `fail` on 3.x"],
  ["CLOSED", ["closed"], "closed"],
  ["LOST", ["notFound", "notFoundBefore"], "unknown to the channel; 2.x closes it and says `close` from then on"],
  ["UNKNOWN", ["unknown"], "unknown to DaxPay, as is every number not listed here"],
  [
    "SOFT-FAILS",
    times(2, "networkError", "success"),
    "channel out of reach twice, then succeeded: 3.x says `fail` twice",
  ],
  ["NETWORK", ["networkError"], "channel out of reach: in progress on 2.x, `fail` on 3.x"],
  ["CHANNEL-ERROR", ["channelError"], "the channel answers with an error: code 1 on 2.x, `fail` on 3.x"],
  ["SPEECHLESS", ["speechless"], "the channel answers with an error without a text"],
  ["LOCKED-1", ["locked", "success"], "being synced by somebody else once, then succeeded"],
  ["LOCKED-3", times(3, "locked", "success"), "being synced by somebody else three times, then succeeded"],
  ["LOCKED", ["locked"], "being synced by somebody else for ever"],
  [
    "YOUNG",
    ["young"],
    "Alipay's first 10 s: 3.x says 20080 and keeps the lock for 10 s, then succeeded; 2.x: succeeded",
  ],
  ["UNSUPPORTED", ["unsupported"], "its channel cannot be asked; 3.x keeps the lock for 10 s"],
  ["CHANNEL-MISSING", ["channelMissing"], "its channel is not configured"],
  ["CHANNEL-OFF", ["channelOff"], "its channel is switched off"],
  ["INTERFACE-OFF", ["interfaceOff"], "the interface (2.x) or the application (3.x) is switched off"],
  ["NULL-POINTER", ["nullPointer"], "DaxPay meets a null pointer: 10001 on 2.x, 10500 on 3.x"],
  ["EXCEPTION", ["exception"], "DaxPay meets another exception: 10001 on 2.x, 10500 on 3.x"],
  ["CONTRADICTS", ["success", "failed"], "succeeded once, then failed, which DaxPay should never say"],
  ["REVIVES", ["closed", "success"], "closed once, then succeeded, which DaxPay should never say"],
];

/** Every number that the sandbox knows; any other is unknown to it. With both numbers, refundNo decides. */
export const REFUNDS: readonly RefundRow[] = [
  {
    refundNo: "DEVR24051020531763000004",
    bizRefundNo: "B-PAGE",
    behaviour: { findings: ["notFound"] },
    meaning: "the interface page's example, unknown to the channel: `pay_not_found` on 2.x, `fail` on 3.x",
  },
  ...NAMED.map(([name, findings, meaning]) => ({
    refundNo: `R-${name}`,
    bizRefundNo: `B-${name}`,
    behaviour: { findings },
    meaning,
  })),
  ...(Object.keys(FAULTS) as FaultName[]).filter((fault) => FAULTS[fault].kind !== "connect").map((fault) => ({
    refundNo: `FAULT-${fault.toUpperCase()}`,
    bizRefundNo: `B-FAULT-${fault.toUpperCase()}`,
    behaviour: { fault },
    meaning: FAULTS[fault].meaning,
  })),
];

/** Numbers that are made up as one goes, for load. They hold in either member. */
export const FAMILIES: readonly { readonly pattern: string; readonly meaning: string }[] = [
  { pattern: "LOAD-…", meaning: "succeeded" },
  { pattern: "WAIT<n>-…", meaning: "in progress n times (at most 999), then succeeded" },
];

const BY_REFUND_NO = new Map(REFUNDS.map((row) => [row.refundNo, row]));
const BY_BIZ_REFUND_NO = new Map(REFUNDS.map((row) => [row.bizRefundNo, row]));

/** The refund that a request means: refundNo decides unless it is blank. */
export function findRefund({ refundNo = "", bizRefundNo = "" }: { refundNo?: string; bizRefundNo?: string }) {
  return refundNo.trim() !== ""
    ? BY_REFUND_NO.get(refundNo) ?? familyMember(refundNo)
    : BY_BIZ_REFUND_NO.get(bizRefundNo) ?? familyMember(bizRefundNo);
}

function familyMember(number: string): RefundRow | undefined {
  if (number.startsWith("LOAD-")) return made(number, ["success"]);
  const wait = /^WAIT(\d{1,3})-/.exec(number);
  return wait ? made(number, times(Number(wait[1]), "progress", "success")) : undefined;
}

function made(number: string, findings: readonly Finding[]): RefundRow {
  return { refundNo: number, bizRefundNo: number, behaviour: { findings }, meaning: "" };
}

function times(count: number, finding: Finding, last: Finding): Finding[] {
  return [...Array<Finding>(count).fill(finding), last];
}
