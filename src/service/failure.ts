import { Code, ConnectError } from "@connectrpc/connect";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { DaxPayFailure, Reason } from "../daxpay/failure.ts";
import { SyncFailureSchema } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { messageFromFailure } from "./convert.ts";

/** Who defines the reasons in google.rpc.ErrorInfo. */
const DOMAIN = "daxpay.refundsync.v1";

const CODES: Record<Reason, Code> = {
  REFUND_NOT_FOUND: Code.NotFound,
  SYNC_IN_PROGRESS: Code.Aborted,
  CHANNEL_FAILED: Code.Unavailable,
  INVALID_REQUEST: Code.InvalidArgument,
  CLOCK_SKEW: Code.FailedPrecondition,
  SIGNATURE_REJECTED: Code.FailedPrecondition,
  NOT_CONFIGURED: Code.FailedPrecondition,
  UPSTREAM_ERROR: Code.Unavailable,
  UPSTREAM_UNREACHABLE: Code.Unavailable,
  UPSTREAM_TIMEOUT: Code.DeadlineExceeded,
  REPLY_INTERRUPTED: Code.Unavailable,
  REPLY_MALFORMED: Code.DataLoss,
  REPLY_UNVERIFIED: Code.DataLoss,
  REPLY_MISMATCHED: Code.DataLoss,
  RATE_LIMITED: Code.ResourceExhausted,
  UNKNOWN_DAXPAY_CODE: Code.Unknown,
};

/** The error that callers get for a failure: its code, the SyncFailure, and google.rpc's standard details. */
export function connectErrorFrom(failure: DaxPayFailure): ConnectError {
  const { reason, message, retryDelayMs: retryAfterMs } = failure;
  const details: NonNullable<ConstructorParameters<typeof ConnectError>[3]> = [
    { desc: SyncFailureSchema, value: messageFromFailure(failure) },
    { desc: ErrorInfoSchema, value: { reason, domain: DOMAIN } },
  ];
  if (retryAfterMs !== undefined) {
    details.push({ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(Math.ceil(retryAfterMs)) } });
  }
  return new ConnectError(message.toWellFormed(), CODES[reason], undefined, details, failure);
}
