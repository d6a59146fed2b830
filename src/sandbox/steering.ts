import type { Actors } from "./actors.ts";
import type { FaultName } from "./fault.ts";
import type { FaultTarget } from "./faults.ts";
import type { NoticeResult, NoticeVariant, SentNotice } from "./notices.ts";
import type { Recorded } from "./record.ts";
import type { ChannelSetting, NewRefund, RefundView } from "./rows.ts";

/** Control of an embedded DaxPay besides its own interfaces. */
export interface Steering extends Actors {
  /** The requests to DaxPay, oldest first; at least the last 10,000. */
  readonly requests: readonly Recorded[];
  /** The largest number of concurrent requests. */
  readonly maxConcurrent: number;
  resetMaxConcurrent(): void;
  /** Breaks replies. A fault for a number takes precedence over a named refund's own, and that over one for all. */
  setFault(fault: FaultName, target?: FaultTarget): void;
  clearFaults(): void;
  /** Adds a refund to DaxPay's table. Throws a RangeError where it cannot exist. */
  addRefund(refund: NewRefund): void;
  /** Sets the scenario of a refund's further syncs. Throws a RangeError where DaxPay does not know it. */
  setChannel(refundNo: string, setting: ChannelSetting): void;
  /** A refund as DaxPay's tables hold it; undefined where it is unknown. */
  refund(refundNo: string): RefundView | undefined;
  /** The refunds that were added or used, oldest first; not those of the `LOAD-…` family. */
  refunds(): RefundView[];
  /** The notices that were sent when refunds ended, oldest first; at least the last 1,000. None is repeated. */
  readonly notices: readonly SentNotice[];
  /** Sends the notice of a refund that has ended, once more where it was sent before. */
  sendNotice(refundNo: string, variant?: NoticeVariant): Promise<NoticeResult>;
  /** Drops requests, notices, faults, locks and every refund's state. */
  reset(): void;
}
