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
import { AbortedDuringSyncError } from "../refund/single-flight.ts";
import { type SelectAccount, type SelectedAccount, selectOrThrow } from "./accounts.ts";
import {
  messageFromAttempt,
  messageFromRejection,
  messageFromResult,
  messageFromState,
  requestFrom,
} from "./convert.ts";
import {
  abortedDuringSyncError,
  AccountError,
  accountError,
  connectErrorFrom,
  describeViolations,
  type RefundNumbers,
} from "./errors.ts";
import { mapStream, mergeStreams } from "../util/stream.ts";
import { requireValid, violationsOf } from "./validate.ts";

/** Default deadlines in milliseconds. */
const UNARY_TIMEOUT_MS = 60_000;
const BATCH_TIMEOUT_MS = 600_000;

/** Serves RefundSyncService. */
export function routeRefunds(router: ConnectRouter, select: SelectAccount): void {
  router.service(RefundSyncService, {
    async syncRefund(message, context) {
      requireValid(SyncRefundRequestSchema, message);
      const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, UNARY_TIMEOUT_MS) };
      try {
        const { name, refunds } = select(message.account, context);
        return { refund: messageFromState(await refunds.sync(requestFrom(message), caller), name) };
      } catch (error) {
        throw toConnectError(error, message);
      }
    },
    async *batchSyncRefunds(message, context): AsyncGenerator<BatchSyncRefundsResponse> {
      requireValid(BatchSyncRefundsRequestSchema, message);
      try {
        yield* batch(select, message.requests, context);
      } catch (error) {
        throw toConnectError(error);
      }
    },
    watchRefund(message, context) {
      requireValid(WatchRefundRequestSchema, message);
      const { name, refunds } = selectOrThrow(select, message.account, context);
      return mapStream(refunds.watch(requestFrom(message), context.signal), {
        onValue: (attempt) => messageFromAttempt(attempt, name),
        onError: (error) => toConnectError(error, message),
      });
    },
  });
}

/** The requests of a batch for one account, with their positions in it. */
interface AccountBatch {
  readonly account: SelectedAccount;
  readonly indexes: number[];
  readonly requests: RefundQuery[];
}

/** The results of rejected requests, then those of the others as they arrive. */
async function* batch(select: SelectAccount, messages: readonly SyncRefundRequest[], context: HandlerContext) {
  const batches = new Map<string, AccountBatch>();
  for (const [index, message] of messages.entries()) {
    try {
      requireValidItem(message);
      const account = select(message.account, context);
      const entry = batches.get(account.name) ?? { account, indexes: [], requests: [] };
      batches.set(account.name, entry);
      entry.indexes.push(index);
      entry.requests.push(requestFrom(message));
    } catch (error) {
      if (!(error instanceof DaxPayFailure || error instanceof AccountError)) throw error;
      yield messageFromRejection(index, error);
    }
  }
  const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, BATCH_TIMEOUT_MS) };
  const results = [...batches.values()].map(({ account: { name, refunds }, indexes, requests }) =>
    mapStream(refunds.batch(requests, caller), {
      onValue: ({ index, outcome }) => messageFromResult({ index: indexes[index], outcome }, name),
    })
  );
  yield* mergeStreams(results);
}

function requireValidItem(message: SyncRefundRequest): void {
  const violations = violationsOf(SyncRefundRequestSchema, message);
  if (violations.length === 0) return;
  throw new DaxPayFailure("INVALID_REQUEST", describeViolations(violations), { delivery: "NOT_SENT" });
}

function toConnectError(error: unknown, numbers?: RefundNumbers): unknown {
  if (error instanceof AbortedDuringSyncError) return abortedDuringSyncError(error.cause);
  if (error instanceof AccountError) return accountError(error);
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
