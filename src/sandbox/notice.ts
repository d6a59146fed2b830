import { Decimal, writeJson } from "./json.ts";
import { bizOrderNoOf, outOrderNoOf, queryMembers2, queryMembers3, queryMembersBeta4 } from "./query.ts";
import type { Order, Refund } from "./rows.ts";
import type { Members, Signer } from "./signer.ts";
import type { WrittenTime } from "./time.ts";

/** A notice of a refund that has ended. */
export interface NoticeDraft {
  readonly refund: Refund;
  readonly order: Order | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly traceId: string;
  /** The same each time that this notice is sent. */
  readonly eventId: string;
  readonly url: string;
  /** 3.0.0: whether it is for the application that has subscribed, rather than for the refund's own address. */
  readonly subscribed: boolean;
  /** Whether it is signed with the key before the current one. */
  readonly previousKey: boolean;
}

export interface NoticeFormat {
  readonly signer: Signer;
  /** Writes milliseconds since 1970. */
  readonly time: (ms: number) => WrittenTime;
}

/** Writes the body of a notice. */
type WriteNotice = (draft: NoticeDraft, format: NoticeFormat) => string;

/** What a merchant answers. */
export interface NoticeAnswer {
  readonly status: number;
  readonly body: string;
}

/** The notices of a release. */
export interface NoticeDialect {
  readonly write: WriteNotice;
  /** Whether the answer ends the attempts to deliver it. */
  readonly accepts: (answer: NoticeAnswer) => boolean;
}

/** 2.0.6 (RefundNoticeResult). */
const writeNotice206: WriteNotice = (draft, format) => {
  const { refundNo, bizRefundNo, channel, amount, status, finishTime, requestedAt, attach } = draft.refund;
  return writeFlat(draft, format, {
    refundNo,
    bizRefundNo,
    channel,
    amount,
    status,
    finishTime: finishTime === null ? null : format.time(finishTime),
    createTime: format.time(requestedAt),
    attach,
  });
};

/** 2.0.7 and 2.0.8: what the query returns, and `attach`. */
const writeNotice207: WriteNotice = (draft, format) => {
  const { refund, order } = draft;
  const { errorCode, errorMsg, ...others } = queryMembers2(refund, { order, time: format.time });
  return writeFlat(draft, format, { ...others, attach: refund.attach, errorCode, errorMsg });
};

/** 2.x: one object, which Jackson writes with its nulls. */
function writeFlat({ time, previousKey }: NoticeDraft, format: NoticeFormat, own: Members): string {
  const members = { code: 0, msg: null, resTime: format.time(time), sign: null, ...own };
  return writeJson({ ...members, sign: format.signer.sign(members, previousKey) });
}

/** beta4 (MerchantCallbackSendService): `data` is signed in its order. */
const writeNoticeBeta4: WriteNotice = (draft, format) => {
  const data = hutoolMembers(queryMembersBeta4(draft.refund, { order: draft.order, time: format.time }));
  const { time, traceId, previousKey } = draft;
  const envelope = { code: 0, msg: "success", data, sign: null, resTime: format.time(time), traceId };
  return JSON.stringify({ ...envelope, sign: format.signer.sign(envelope, previousKey) });
};

/** 3.0.0: `data` is a map, which PaySignUtil sorts ignoring case, but is written in its own order. */
const writeNotice3: WriteNotice = (draft, format) => {
  const { refund, order, time, traceId, subscribed, previousKey } = draft;
  const data = hutoolMembers(queryMembers3(refund, { order, time: format.time }));
  const envelope = {
    noticeType: subscribed ? "refund" : undefined,
    mchNo: refund.mchNo,
    appId: refund.appId,
    code: 0,
    msg: "success",
    data,
    sign: null,
    resTime: format.time(time),
    traceId: subscribed ? traceId : undefined,
  };
  const sorted = Object.fromEntries(
    Object.entries(data).sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
  );
  return JSON.stringify({ ...envelope, sign: format.signer.sign({ ...envelope, data: sorted }, previousKey) });
};

/** hutool-json drops nulls, and writes decimals without the zeros at their end. */
function hutoolMembers(members: Members): Members {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null)
      .map(([name, value]) => [name, value instanceof Decimal ? Number(value.plain) : value]),
  );
}

/**
 * 4.x (SystemPayloadBuilder): members of all objects sorted, those of `data` texts, and nulls left out there. The request
 * id is the platform's trace id.
 */
function writeNotice4({ hasEventId }: { hasEventId: boolean }): WriteNotice {
  return (draft, format) => {
    const { refund, order, time, traceId, eventId, url, previousKey } = draft;
    const text = (ms: number) => String(JSON.parse(writeJson(format.time(ms))));
    const data = textMembers({
      amount: refund.amount,
      appId: refund.appId,
      attach: refund.attach,
      bizOrderNo: bizOrderNoOf(refund),
      bizRefundNo: refund.bizRefundNo,
      channel: refund.channel,
      createTime: text(refund.requestedAt),
      currency: "CNY",
      errorMsg: refund.errorMsg,
      finishTime: refund.finishTime === null ? null : text(refund.finishTime),
      id: refund.id,
      mchNo: refund.mchNo,
      notifyUrl: url,
      orderAmount: order?.amount ?? null,
      outOrderNo: outOrderNoOf(refund),
      outRefundNo: refund.outRefundNo,
      reason: refund.reason,
      refundNo: refund.refundNo,
      status: refund.status,
      title: refund.title,
      tradeNo: refund.orderNo,
    });
    const notice = {
      appId: refund.appId,
      code: 0,
      data,
      event: `refund.${refund.status}`,
      eventId: hasEventId ? eventId : undefined,
      mchNo: refund.mchNo,
      msg: "success",
      protocol: "system",
      reqId: traceId,
      resTime: format.time(time),
      sign: null,
    };
    return writeJson({ ...notice, sign: format.signer.sign(notice, previousKey) });
  };
}

function textMembers(members: Members): Members {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null).map(([name, value]) => [name, String(value)]),
  );
}

const accepts2 = ({ body }: NoticeAnswer) => body === "SUCCESS";
const accepts3 = ({ body }: NoticeAnswer) => body.toUpperCase() === "SUCCESS";

export const NOTICES_2_0_6: NoticeDialect = { write: writeNotice206, accepts: accepts2 };
export const NOTICES_2_0_7: NoticeDialect = { write: writeNotice207, accepts: accepts2 };
export const NOTICES_BETA4: NoticeDialect = { write: writeNoticeBeta4, accepts: accepts3 };
export const NOTICES_3: NoticeDialect = { write: writeNotice3, accepts: accepts3 };

export function notices4(state: { readonly hasEventId: boolean }): NoticeDialect {
  return {
    write: writeNotice4(state),
    accepts: ({ status, body }) => status >= 200 && status < 300 && body.trim().toUpperCase() === "SUCCESS",
  };
}
