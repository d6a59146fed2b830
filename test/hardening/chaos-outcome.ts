import { Code, ConnectError } from "@connectrpc/connect";
import { failureOf, isConnectionError } from "../../src/client.ts";
import { type Refund, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { FailureReason, type SyncFailure } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";

export interface FinalState {
  readonly refundNo: string;
  readonly status: string;
}

/** How a call or a result of a stream ended. */
export interface Outcome {
  /** A status, a failure's reason, or in small letters how the call ended without either. */
  readonly outcome: string;
  readonly final?: FinalState;
  /** An error that neither carries a SyncFailure nor comes from a broken connection. */
  readonly untyped?: string;
}

export function describe(value: Refund | SyncFailure | undefined): Outcome {
  switch (value?.$typeName) {
    case "daxpay.refundsync.v1.Refund": {
      const { refundNo, final } = value;
      const status = RefundStatus[value.status];
      return { outcome: status, ...(final ? { final: { refundNo, status } } : {}) };
    }
    case "daxpay.refundsync.v1.SyncFailure":
      return describeFailure(value, "result");
    default:
      return { outcome: "nothing", untyped: "a result without an outcome" };
  }
}

function describeFailure({ reason, message }: SyncFailure, where: string): Outcome {
  const outcome = FailureReason[reason];
  const isTyped = reason !== FailureReason.UNSPECIFIED && reason !== FailureReason.INTERNAL;
  return isTyped ? { outcome } : { outcome, untyped: `${where}: ${outcome} ${message}` };
}

/** `left`: whether the caller has given up the call. */
export function describeError(error: unknown, left: boolean, where: string): Outcome {
  const failure = failureOf(error);
  if (failure) return describeFailure(failure, where);
  const { code, isWireError, message } = ConnectError.from(error);
  // The client's own timer can be faster than the service's answer.
  if (!isWireError && code === Code.DeadlineExceeded) return { outcome: "deadline expired" };
  if (left) return { outcome: "left" };
  if (!isWireError && isConnectionError(error)) return { outcome: "connection error" };
  return { outcome: "untyped", untyped: `${where}: ${message}` };
}

/** Counts by kind of call, and by outcome. */
export type OutcomeCounts = Record<string, Record<string, number>>;

export function countOutcome(counts: OutcomeCounts, kind: string, outcome: string): void {
  const ofKind = counts[kind] ??= {};
  ofKind[outcome] = (ofKind[outcome] ?? 0) + 1;
}
