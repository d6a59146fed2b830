import type { Actors } from "./actors.ts";
import type { FaultName } from "./fault.ts";
import type { FaultTarget } from "./faults.ts";
import type { ChannelSetting, NewRefund, RefundView } from "./ledger.ts";
import type { Recorded } from "./record.ts";

/** What tests and operators do with an embedded DaxPay besides sending requests. */
export interface Steering extends Actors {
  /** The requests to DaxPay, oldest first; at least the last 10,000. */
  readonly requests: readonly Recorded[];
  /** The largest number of concurrent requests. */
  readonly maxConcurrent: number;
  resetMaxConcurrent(): void;
  /** Breaks replies. A fault set for a number precedes the number's own, and that one a fault set for all. */
  setFault(fault: FaultName, target?: FaultTarget): void;
  clearFaults(): void;
  /** Adds a refund to DaxPay's table. Throws a RangeError where it cannot exist. */
  addRefund(refund: NewRefund): void;
  /** Sets what syncs of a refund meet from now on. Throws a RangeError where DaxPay does not know it. */
  setChannel(refundNo: string, setting: ChannelSetting): void;
  /** A refund as DaxPay's tables hold it; undefined where it is unknown. */
  refund(refundNo: string): RefundView | undefined;
  /** The refunds that were added or used, oldest first; not those of the `LOAD-…` family. */
  refunds(): RefundView[];
  /** Drops requests, faults, locks and every refund's state. */
  reset(): void;
}
