import type { ConnectError } from "@connectrpc/connect";
import { FailureReason, SyncFailureSchema } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";

/** What logs and metrics say of an error that carries a SyncFailure. */
export function failureLabels(error: ConnectError) {
  const [failure] = error.findDetails(SyncFailureSchema);
  if (!failure) return undefined;
  return { reason: FailureReason[failure.reason], logFields: { daxpayTraceId: failure.daxpayTraceId } };
}
