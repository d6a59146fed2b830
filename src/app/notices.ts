import type { Logger } from "@logtape/logtape";
import { createNotices as createNoticeHandler, type NoticeAnswer } from "../http/notices.ts";
import type { Handler } from "../http/handler.ts";
import { statusOf } from "../refund/state.ts";
import type { StartedTracking } from "../tracking/create.ts";
import type { Instruments } from "../telemetry/metrics.ts";
import { TrackingError } from "../tracking/tracking.ts";
import type { AppAccounts } from "./accounts.ts";

export interface NoticesOptions {
  readonly accounts: Pick<AppAccounts, "trackedAccount">;
  /** Undefined without a database: notices are then answered with 503, so that DaxPay sends them again. */
  readonly tracking: Pick<StartedTracking, "acceptNotice"> | undefined;
  readonly meter: Instruments;
  readonly logger: Logger;
  readonly elapsed: () => number;
  readonly fallback: Handler;
}

/** What every release takes for "received": anything else it sends again. */
const RECEIVED: NoticeAnswer = { status: 200, body: "SUCCESS" };
const NO_DATABASE: NoticeAnswer = { status: 503, body: "no database\n" };

/** Serves the address to which DaxPay sends its notices about refunds. They need no credentials: they are signed. */
export function createNotices({ accounts, tracking, meter, logger, elapsed, fallback }: NoticesOptions): Handler {
  const notices = meter.createCounter("refundsync.notices", {
    unit: "{notice}",
    description: "Notices of DaxPay by what became of them",
  });

  async function accept(name: string, body: Uint8Array): Promise<NoticeAnswer> {
    const account = accounts.trackedAccount(name);
    if (!tracking || !account) return NO_DATABASE;
    const count = (result: string) => notices.add(1, { account: name, result });
    const notice = account.refunds.readNotice(body);
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
    elapsed,
    fallback,
  });
}
