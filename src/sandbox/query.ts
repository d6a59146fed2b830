import type { Failure } from "./failure.ts";
import { Decimal } from "./json.ts";
import type { Ledger } from "./ledger.ts";
import { lookUp } from "./lookup.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Lookup, Order, Refund } from "./rows.ts";
import type { Members } from "./signer.ts";
import type { WrittenTime } from "./time.ts";

/** How a release answers the refund query. */
export interface QueryDialect {
  /** Where the request names no refund. */
  readonly neither: Failure;
  readonly unknown: Failure;
  /** The members of `data` in wire order; undefined where the release finds no refund at all. */
  readonly members?: (refund: Refund, context: QueryFormat) => Members;
  /** Members that the result inherits from a parent class. */
  readonly inherited?: readonly string[];
}

export interface QueryFormat {
  readonly order: Order | undefined;
  /** Writes milliseconds since 1970. */
  readonly time: (ms: number) => WrittenTime;
}

export type QueryResult =
  | { readonly failure: Failure }
  | { readonly data: Members; readonly inherited?: readonly string[] };

export interface QueryContext {
  readonly query: QueryDialect;
  readonly outcomes: Outcomes;
  readonly ledger: Ledger;
  readonly time: (ms: number) => WrittenTime;
}

/** Answers the read-only query: no lock, no channel, no write. */
export function queryRefund(lookup: Lookup, { query, outcomes, ledger, time }: QueryContext): QueryResult {
  const { neither, unknown, members } = query;
  const found = lookUp(lookup, { ...outcomes, neither, unknown }, members ? ledger.find : () => undefined);
  if ("failure" in found) return found;
  if (!members) return { failure: unknown };
  const { refund } = found;
  refund.queries++;
  const { interfaceOff, switchedOffByApp } = outcomes;
  if (refund.scenarios[0] === "interfaceOff" && switchedOffByApp && interfaceOff) return { failure: interfaceOff };
  return { data: members(refund, { order: ledger.order(refund), time }), inherited: query.inherited };
}

const timeOrNull = ({ time }: QueryFormat, ms: number | null) => (ms === null ? null : time(ms));
export const bizOrderNoOf = ({ refundNo }: Refund) => `BO-${refundNo}`;
export const outOrderNoOf = ({ refundNo }: Refund) => `OUT-${refundNo}`;

/** 2.0.7 and 2.0.8 (RefundOrderResult): fen, and a refundTime that is never set. */
export function queryMembers2(refund: Refund, format: QueryFormat): Members {
  return {
    orderNo: refund.orderNo,
    bizOrderNo: bizOrderNoOf(refund),
    outOrderNo: outOrderNoOf(refund),
    title: refund.title,
    refundNo: refund.refundNo,
    bizRefundNo: refund.bizRefundNo,
    outRefundNo: refund.outRefundNo,
    channel: refund.channel,
    orderAmount: format.order?.amount ?? null,
    amount: refund.amount,
    reason: refund.reason,
    refundTime: null,
    finishTime: timeOrNull(format, refund.finishTime),
    status: refund.status,
    errorCode: null,
    errorMsg: refund.errorMsg,
  };
}

/** beta4 (RefundOrderResult with its parents' id, createTime and appId): yuan with two decimals. */
export function queryMembersBeta4(refund: Refund, format: QueryFormat): Members {
  const { order, time } = format;
  return {
    id: refund.id,
    createTime: time(refund.requestedAt),
    appId: refund.appId,
    orderNo: refund.orderNo,
    bizOrderNo: bizOrderNoOf(refund),
    outOrderNo: outOrderNoOf(refund),
    title: refund.title,
    refundNo: refund.refundNo,
    bizRefundNo: refund.bizRefundNo,
    outRefundNo: refund.outRefundNo,
    channel: refund.channel,
    orderAmount: order ? new Decimal(order.amount, 2) : null,
    amount: new Decimal(refund.amount, 2),
    reason: refund.reason,
    finishTime: timeOrNull(format, refund.finishTime),
    status: refund.status,
    attach: refund.attach,
    errorMsg: refund.errorMsg,
  };
}

/** 3.0.0 (RefundOrderResult): yuan with four decimals, but the order's amount is an Integer that lost its cents. */
export function queryMembers3(refund: Refund, format: QueryFormat): Members {
  const { order } = format;
  return {
    orderId: refund.id,
    orderNo: refund.orderNo,
    outOrderNo: outOrderNoOf(refund),
    bizOrderNo: bizOrderNoOf(refund),
    title: refund.title,
    refundNo: refund.refundNo,
    bizRefundNo: refund.bizRefundNo,
    outRefundNo: refund.outRefundNo,
    channel: refund.channel,
    orderAmount: order ? Math.trunc(order.amount / 100) : null,
    amount: new Decimal(refund.amount, 4),
    reason: refund.reason,
    finishTime: timeOrNull(format, refund.finishTime),
    status: refund.status,
    attach: refund.attach,
    clientIp: "127.0.0.1",
    errorMsg: refund.errorMsg,
  };
}

/** 4.x (RefundOrderResult): fen, which older betas write as texts. */
export function queryMembers4({ amountsAreTexts }: { amountsAreTexts: boolean }) {
  const amountOf = (fen: number | undefined) => fen === undefined ? null : amountsAreTexts ? String(fen) : fen;
  return (refund: Refund, format: QueryFormat): Members => ({
    refundNo: refund.refundNo,
    bizRefundNo: refund.bizRefundNo,
    tradeNo: refund.orderNo,
    bizOrderNo: bizOrderNoOf(refund),
    outRefundNo: refund.outRefundNo,
    amount: amountOf(refund.amount),
    orderAmount: amountOf(format.order?.amount),
    status: refund.status,
    reason: refund.reason,
    finishTime: timeOrNull(format, refund.finishTime),
    errorMsg: refund.errorMsg,
  });
}
