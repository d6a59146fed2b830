import type { Logger } from "@logtape/logtape";
import { createNotices as createNoticeHandler, type NoticeAnswer } from "../http/notices.ts";
import type { Handler } from "../http/handler.ts";
import { createNoticeReader } from "../daxpay/notice.ts";
import type { Clock } from "../refund/clock.ts";
import { statusOf } from "../refund/state.ts";
import type { StartedTracking } from "../tracking/create.ts";
import type { Instruments } from "../telemetry/metrics.ts";
import { TrackingError } from "../tracking/tracking.ts";
import type { AppAccounts } from "./accounts.ts";

export interface NoticesOptions {
  readonly accounts: Pick<AppAccounts, "trackedAccount" | "daxpayOf">;
  readonly tracking: Pick<StartedTracking, "acceptNotice">;
  readonly meter: Instruments;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fallback: Handler;
}

/** What every release takes for "received": anything else it sends again. */
const RECEIVED: NoticeAnswer = { status: 200, body: "SUCCESS" };
const NO_ACCOUNT: NoticeAnswer = { status: 404, body: "no such account\n" };

/** Serves the address to which DaxPay sends its notices about refunds. They need no credentials: they are signed. */
export function createNotices({ accounts, tracking, meter, logger, clock, fallback }: NoticesOptions): Handler {
  const notices = meter.createCounter("refundsync.notices", {
    unit: "{notice}",
    description: "Notices of DaxPay by what became of them",
  });

  async function accept(name: string, body: Uint8Array): Promise<NoticeAnswer> {
    const account = accounts.trackedAccount(name);
    const daxpay = accounts.daxpayOf(name);
    if (!account || !daxpay) return NO_ACCOUNT;
    const count = (result: string) => notices.add(1, { account: name, result });
    const notice = createNoticeReader(daxpay, () => clock.now())(body);
    if (notice.kind === "rejection") {
      count(notice.reason);
      logger.warn("Rejected a notice: {error}", { account: name, reason: notice.reason, error: notice.message });
      // A genuine one about something else is received, and is not this service's.
      return notice.reason === "NOT_A_REFUND" ? RECEIVED : { status: 400, body: `${notice.message}\n` };
    }
    const { refundNo, bizRefundNo = "", daxpayStatus, noticedAt, eventId } = notice;
    const accepted = { refundNo, bizRefundNo, status: statusOf(daxpayStatus), id: eventId ?? String(noticedAt) };
    count(await tracking.acceptNotice(account.recorded, accepted, account.refunds.canQuery()));
    return RECEIVED;
  }

  return createNoticeHandler({
    hasAccount: (name) => accounts.trackedAccount(name) !== undefined,
    accept,
    onError(account, error) {
      notices.add(1, { account, result: error instanceof TrackingError ? error.reason : "INTERNAL" });
      logger.error("Cannot take a notice: {error}", { account, error: (error as Error).message });
    },
    elapsed: () => clock.elapsed(),
    fallback,
  });
}
