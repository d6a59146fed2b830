import type { Channel } from "./channel.ts";
import type { LocalStatus, Scenario } from "./refunds.ts";

/** A payment, of which refunds are parts. Amounts are in fen. */
export interface Order {
  readonly orderNo: string;
  readonly amount: number;
  /** Amount that can still be refunded. DaxPay debits it when a refund is created, and credits it when one is closed. */
  refundableBalance: number;
  version: number;
}

/** A row of DaxPay's refund table, with the sandbox's own counters. Times are in milliseconds since 1970. */
export interface Refund {
  /** The row's key, a 19-digit number. */
  readonly id: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly orderNo: string;
  readonly appId: string;
  readonly mchNo: string;
  readonly channel: Channel;
  readonly amount: number;
  readonly requestedAt: number;
  readonly title: string;
  readonly reason: string | null;
  readonly attach: string | null;
  readonly outRefundNo: string | null;
  /** Where its notices go; the server's own address where undefined. */
  readonly noticeUrl: string | undefined;
  status: LocalStatus;
  finishTime: number | null;
  errorMsg: string | null;
  version: number;
  /** Number of times its amount was credited to the order. */
  credits: number;
  syncs: number;
  queries: number;
  /** Response time of its channel in milliseconds; the server's own latency where undefined. */
  latencyMs: number | undefined;
  scenarios: readonly Scenario[];
  /** The channel's text of an ERROR. */
  error: string | null;
  readonly restored: boolean;
}

/** A copy of a row, as DaxPay loaded it. Later writes to the table do not reach it. */
export interface LoadedRow {
  readonly refund: Refund;
  readonly version: number;
  status: LocalStatus;
  finishTime: number | null;
  errorMsg: string | null;
}

export interface NewRefund {
  readonly refundNo: string;
  /** `B-` and the refundNo unless set; may be another refund's. */
  readonly bizRefundNo?: string;
  /** `P-` and the refundNo unless set; refunds of one order share its balance. */
  readonly orderNo?: string;
  /** The server's own unless set. */
  readonly appId?: string;
  readonly mchNo?: string;
  /** `wechat_pay` unless set. */
  readonly channel?: Channel;
  /** `progress` unless set; only 4.x has `init`. */
  readonly status?: LocalStatus;
  /** Scenario of the first sync, the second, and so on; the last one repeats. `SUCCESS` unless set. */
  readonly state?: Scenario | readonly Scenario[];
  /** The channel's text of an ERROR. */
  readonly error?: string | null;
  /** Response time of the channel in milliseconds; the server's own latency unless set. */
  readonly latencyMs?: number;
  /** In fen; 1000 unless set. */
  readonly amount?: number;
  /** The order's amount in fen; 10000 unless set. */
  readonly orderAmount?: number;
  /** Amount of the order that can still be refunded, in fen; 5000 unless set. */
  readonly refundableBalance?: number;
  /** Milliseconds since 1970; five days ago unless set. Alipay refunds cannot be synced on 3.x in their first 10 s. */
  readonly requestedAt?: number;
  /** Whether the order's row is missing. */
  readonly orderMissing?: boolean;
  readonly title?: string;
  readonly reason?: string | null;
  readonly attach?: string | null;
  readonly outRefundNo?: string | null;
  /** Where its notices go; the server's own address unless set. */
  readonly noticeUrl?: string;
  readonly finishTime?: number | null;
  readonly errorMsg?: string | null;
}

/** Scenario of all further syncs. */
export interface ChannelSetting {
  readonly state: Scenario;
  /** Response time of the channel in milliseconds; unchanged unless set. */
  readonly latencyMs?: number;
  /** The channel's text of an ERROR; unchanged unless set. */
  readonly error?: string | null;
}

/** A refund as the sandbox shows it. Amounts are in fen. */
export interface RefundView {
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly orderNo: string;
  readonly appId: string;
  readonly channel: Channel;
  readonly status: LocalStatus;
  readonly amount: number;
  /** Of the refund's order; null where that is missing. */
  readonly refundableBalance: number | null;
  readonly credits: number;
  readonly syncs: number;
  readonly queries: number;
}

/** The refund that a request names, and the account that requests it. */
export interface Lookup {
  readonly refundNo?: string;
  readonly bizRefundNo?: string;
  readonly appId?: string;
  readonly mchNo?: string;
}

export interface LookupScope {
  /** bizRefundNo finds refunds of the request's application only. */
  readonly app: boolean;
  /** Either number finds refunds of the request's merchant only. */
  readonly merchant: boolean;
  /** Whether a refundNo of another merchant has a failure of its own. */
  readonly foreign?: boolean;
}

export function load(refund: Refund): LoadedRow {
  const { version, status, finishTime, errorMsg } = refund;
  return { refund, version, status, finishTime, errorMsg };
}
