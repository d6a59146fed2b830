import { type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import {
  BatchSyncRefundsRequestSchema,
  type BatchSyncRefundsResponse,
  RefundSyncService,
  type SyncRefundRequest,
  SyncRefundRequestSchema,
  WatchRefundRequestSchema,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { Refunds } from "../refund/refunds.ts";
import { AbortedDuringSyncError } from "../refund/single-flight.ts";
import { messageFromAttempt, messageFromResult, messageFromState, requestFrom } from "./convert.ts";
import { abortedDuringSyncError, connectErrorFrom, describeViolations, type RefundNumbers } from "./errors.ts";
import { mapStream } from "../util/stream.ts";
import { requireValid, violationsOf } from "./validate.ts";

/** Default deadlines in milliseconds. */
const UNARY_TIMEOUT_MS = 60_000;
const BATCH_TIMEOUT_MS = 600_000;

/** Serves RefundSyncService. */
export function routeRefunds(router: ConnectRouter, refunds: Refunds): void {
  router.service(RefundSyncService, {
    async syncRefund(message, context) {
      requireValid(SyncRefundRequestSchema, message);
      const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, UNARY_TIMEOUT_MS) };
      try {
        return { refund: messageFromState(await refunds.sync(requestFrom(message), caller)) };
      } catch (error) {
        throw toConnectError(error, message);
      }
    },
    async *batchSyncRefunds(message, context): AsyncGenerator<BatchSyncRefundsResponse> {
      requireValid(BatchSyncRefundsRequestSchema, message);
      try {
        yield* batch(refunds, message.requests, context);
      } catch (error) {
        throw toConnectError(error);
      }
    },
    watchRefund(message, context) {
      requireValid(WatchRefundRequestSchema, message);
      return mapStream(refunds.watch(requestFrom(message), context.signal), {
        onValue: messageFromAttempt,
        onError: (error) => toConnectError(error, message),
      });
    },
  });
}

/** The results of invalid requests, then those of the others as they arrive. */
async function* batch(refunds: Refunds, messages: readonly SyncRefundRequest[], context: HandlerContext) {
  const valid: { readonly index: number; readonly request: RefundQuery }[] = [];
  for (const [index, message] of messages.entries()) {
    const violations = violationsOf(SyncRefundRequestSchema, message);
    if (violations.length === 0) valid.push({ index, request: requestFrom(message) });
    else {
      const failure = new DaxPayFailure("INVALID_REQUEST", describeViolations(violations), { delivery: "NOT_SENT" });
      yield messageFromResult({ index, outcome: failure });
    }
  }
  const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, BATCH_TIMEOUT_MS) };
  for await (const { index, outcome } of refunds.batch(valid.map(({ request }) => request), caller)) {
    yield messageFromResult({ index: valid[index].index, outcome });
  }
}

function toConnectError(error: unknown, numbers?: RefundNumbers): unknown {
  if (error instanceof AbortedDuringSyncError) return abortedDuringSyncError(error.cause);
  return error instanceof DaxPayFailure ? connectErrorFrom(error, numbers) : error;
}

/**
 * What is left of the caller's deadline, less what a response needs to reach the caller: a failure that arrives after the
 * deadline explains nothing.
 */
function timeLeftMs(context: HandlerContext, defaultMs: number): number {
  const leftMs = context.timeoutMs() ?? defaultMs;
  return leftMs - Math.min(100, leftMs / 10);
}
