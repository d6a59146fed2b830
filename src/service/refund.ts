import type { Validator } from "@bufbuild/protovalidate";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import {
  type BatchSyncRefundsResponse,
  RefundSyncService,
  type SyncRefundRequest,
  SyncRefundRequestSchema,
  type WatchRefundResponse,
} from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { Attempt } from "../refund/watch.ts";
import type { Refunds } from "../refund/refunds.ts";
import { messageFromAttempt, messageFromResult, messageFromState, queryFrom } from "./convert.ts";
import { connectErrorFrom } from "./failure.ts";

/** Milliseconds that a call may take when its caller sets no deadline: a unary one and a batch. */
const UNARY_TIMEOUT_MS = 60_000;
const BATCH_TIMEOUT_MS = 600_000;

/** Serves RefundSyncService. The validator judges the items of a batch one by one. */
export function routeRefunds(router: ConnectRouter, refunds: Refunds, validator: Validator): void {
  /** Why a batch's item breaks the rules; undefined where it keeps them. */
  function violation(request: SyncRefundRequest): DaxPayFailure | undefined {
    const result = validator.validate(SyncRefundRequestSchema, request);
    if (result.kind === "valid") return undefined;
    if (result.kind === "error") throw result.error;
    const text = result.violations.map(({ field, message }) => {
      const [first] = field;
      return first?.kind === "field" ? `${first.name}: ${message}` : message;
    }).join("; ");
    return new DaxPayFailure("INVALID_REQUEST", text, { daxpayMessage: text, delivery: "NOT_SENT" });
  }

  /** The results of what was refused here, then those of the rest as they arrive. */
  async function* batch(requests: readonly SyncRefundRequest[], context: HandlerContext) {
    const valid: { readonly index: number; readonly query: RefundQuery }[] = [];
    for (const [index, request] of requests.entries()) {
      const broken = violation(request);
      if (broken) yield messageFromResult({ index, outcome: broken });
      else valid.push({ index, query: queryFrom(request) });
    }
    const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, BATCH_TIMEOUT_MS) };
    for await (const { index, outcome } of refunds.batch(valid.map(({ query }) => query), caller)) {
      yield messageFromResult({ index: valid[index].index, outcome });
    }
  }

  router.service(RefundSyncService, {
    async syncRefund(request, context) {
      const caller = { signal: context.signal, timeoutMs: timeLeftMs(context, UNARY_TIMEOUT_MS) };
      try {
        return { refund: messageFromState(await refunds.sync(queryFrom(request), caller)) };
      } catch (error) {
        throw toConnectError(error);
      }
    },
    async *batchSyncRefunds({ requests }, context): AsyncGenerator<BatchSyncRefundsResponse> {
      try {
        yield* batch(requests, context);
      } catch (error) {
        throw toConnectError(error);
      }
    },
    watchRefund: (request, context) => new AttemptMessages(refunds.watch(queryFrom(request), context.signal)),
  });
}

function toConnectError(error: unknown): unknown {
  if (error instanceof DaxPayFailure) return connectErrorFrom(error);
  const late = error instanceof DOMException && error.name === "TimeoutError";
  return late ? new ConnectError(error.message, Code.DeadlineExceeded) : error;
}

/** The attempts of a watch as messages. As a generator it would take three times the memory while nothing happens. */
class AttemptMessages implements AsyncIterableIterator<WatchRefundResponse> {
  readonly #attempts: AsyncGenerator<Attempt>;

  constructor(attempts: AsyncGenerator<Attempt>) {
    this.#attempts = attempts;
  }

  next(): Promise<IteratorResult<WatchRefundResponse>> {
    return this.#attempts.next().then(messageFrom, rethrow);
  }

  async return(): Promise<IteratorResult<WatchRefundResponse>> {
    await this.#attempts.return(undefined);
    return { value: undefined, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<WatchRefundResponse>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function messageFrom(next: IteratorResult<Attempt>): IteratorResult<WatchRefundResponse> {
  return next.done ? next : { done: false, value: messageFromAttempt(next.value) };
}

function rethrow(error: unknown): never {
  throw toConnectError(error);
}

/**
 * What is left of the caller's time, less what an answer needs to reach the caller: a failure that arrives after the
 * deadline explains nothing.
 */
function timeLeftMs(context: HandlerContext, fallbackMs: number): number {
  const left = context.timeoutMs() ?? fallbackMs;
  return left - Math.min(100, left / 10);
}
