import type { Failure } from "./failure.ts";
import type { Ledger } from "./ledger.ts";
import type { NoticeAnswer, NoticeDialect } from "./notice.ts";
import type { LocalStatus } from "./refunds.ts";
import type { Refund } from "./rows.ts";
import type { Signer } from "./signer.ts";
import type { WrittenTime } from "./time.ts";

/** Posts the body of a notice. */
export type Notify = (url: string, body: string, signal: AbortSignal) => Promise<NoticeAnswer>;

/** A notice that was sent. */
export interface SentNotice {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly refundNo: string;
  readonly url: string;
  readonly body: string;
  /** Undefined where there was none, and before it. */
  answer: NoticeAnswer | undefined;
}

/** What became of a notice. */
export type NoticeResult =
  | "accepted"
  /** Or not answered. */
  | "refused"
  /** The refund has not ended or has no address, or the release sends or signs no notices. */
  | "ignored"
  /** DaxPay does not know the refund. */
  | "not-found";

export interface NoticeVariant {
  /** 3.0.0: whether it is sent as to an application that has subscribed; false unless set. */
  readonly subscribed?: boolean;
  /** Whether it is signed with the key before the current one; false unless set. */
  readonly previousKey?: boolean;
}

/** The notices that DaxPay sends to merchants. None is repeated unless `send` does it. */
export interface Notices {
  /** Those that were sent, oldest first; at least the last 1,000. */
  readonly sent: readonly SentNotice[];
  /** Sends the notice of a refund that has ended. */
  send(refundNo: string, variant?: NoticeVariant): Promise<NoticeResult>;
  /** Sends it without anyone waiting for the answer. */
  onStatus(refund: Refund): void;
  reset(): void;
  /** Aborts what is being sent. */
  close(): void;
}

export interface NoticesOptions {
  /** Undefined where the release sends none. */
  readonly dialect: NoticeDialect | undefined;
  /** The statuses that a merchant is told. */
  readonly statuses: readonly LocalStatus[];
  readonly signer: Signer | Failure;
  readonly time: (ms: number) => WrittenTime;
  /** Of refunds without an address of their own; undefined: they have no notices. */
  readonly url: string | undefined;
  readonly notify: Notify;
  readonly ledger: Pick<Ledger, "get" | "order">;
  readonly now: () => number;
  readonly traceId: () => string;
}

const MAX_SENT = 1_000;
const FIRST_EVENT = 1_990_000_000_000_000_000n;

export function createNotices(options: NoticesOptions): Notices {
  const { dialect, statuses, signer, time, notify, ledger, now } = options;
  const sent: SentNotice[] = [];
  const closed = new AbortController();
  /** By refundNo and status. */
  const eventIds = new Map<string, string>();

  function eventIdOf({ refundNo, status }: Refund): string {
    const key = `${status} ${refundNo}`;
    const known = eventIds.get(key) ?? String(FIRST_EVENT + BigInt(eventIds.size));
    eventIds.set(key, known);
    return known;
  }

  async function post(refund: Refund, variant: NoticeVariant): Promise<NoticeResult> {
    const url = refund.noticeUrl ?? options.url;
    if (url === undefined || !dialect || !("sign" in signer) || !statuses.includes(refund.status)) return "ignored";
    const { subscribed = false, previousKey = false } = variant;
    const order = ledger.order(refund);
    const body = dialect.write({
      refund,
      order,
      time: now(),
      traceId: options.traceId(),
      eventId: eventIdOf(refund),
      url,
      subscribed,
      previousKey,
    }, { signer, time });
    const notice: SentNotice = { time: now(), refundNo: refund.refundNo, url, body, answer: undefined };
    if (sent.push(notice) > MAX_SENT) sent.shift();
    try {
      notice.answer = await notify(url, body, closed.signal);
    } catch {
      return "refused"; // no answer
    }
    return dialect.accepts(notice.answer) ? "accepted" : "refused";
  }

  return {
    sent,
    async send(refundNo, variant = {}) {
      const refund = ledger.get(refundNo);
      return refund ? await post(refund, variant) : "not-found";
    },
    onStatus: (refund) => void post(refund, {}),
    reset() {
      sent.length = 0;
      eventIds.clear();
    },
    close: () => closed.abort(),
  };
}

/** DaxPay 2.x and 3.x wait 5 s, 4.x 15 s. */
const TIMEOUT_MS = 5_000;

/** Posts over HTTP as DaxPay does. */
export const postNotice: Notify = async (url, body, signal) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  return { status: response.status, body: await response.text() };
};
