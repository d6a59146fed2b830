import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import {
  AcknowledgeContradictionRequestSchema,
  BatchTrackRefundsRequestSchema,
  GetTrackedRefundRequestSchema,
  ListRefundEventsRequestSchema,
  ListTrackedRefundsRequestSchema,
  RefundTrackingService,
  StreamRefundEventsRequestSchema,
  type TrackRefundRequest,
  TrackRefundRequestSchema,
  type TrackRefundResult,
  UntrackRefundRequestSchema,
} from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { type TrackedName, type Tracking, TrackingError, type TrackRequest } from "../tracking/tracking.ts";
import { mapStream } from "../util/stream.ts";
import { type AllowedAccounts, type SelectAccount, selectOrThrow } from "./accounts.ts";
import {
  messageFromEvent,
  messageFromStreamed,
  messageFromTracked,
  messageFromTrackFailure,
  messageFromTrackResult,
  trackRequestFrom,
} from "./convert-tracking.ts";
import {
  AccountError,
  connectErrorFromTracking,
  describeViolations,
  type FailureFields,
  type RefundNumbers,
  trackingDisabledError,
} from "./errors.ts";
import { requireValid, violationsOf } from "./validate.ts";

export interface TrackingRouteOptions {
  /** Undefined without a database: valid requests then fail with TRACKING_DISABLED. */
  readonly tracking: Tracking | undefined;
  readonly allowedAccounts: AllowedAccounts;
  /** Name of the caller; empty where no credentials are required. */
  readonly callerNameOf: (context: HandlerContext) => string;
}

const DEFAULT_PAGE_SIZE = 100;

/** Serves RefundTrackingService. */
export function routeTracking(router: ConnectRouter, select: SelectAccount, options: TrackingRouteOptions): void {
  const { allowedAccounts, callerNameOf } = options;

  function requireTracking(): Tracking {
    const { tracking } = options;
    if (!tracking) throw trackingDisabledError();
    return tracking;
  }

  /** The accounts of a list or a stream; undefined for all. */
  function accountsOf(account: string, context: HandlerContext): readonly string[] | undefined {
    if (account !== "") return [selectOrThrow(select, account, context).name];
    const allowed = allowedAccounts(context);
    return allowed && [...allowed];
  }

  /** Validates a request that names one tracked refund, and runs its work. */
  async function withNamed<D extends DescMessage, R>(
    schema: D,
    message: MessageShape<D> & TrackedName,
    context: HandlerContext,
    work: (tracking: Tracking, name: TrackedName) => Promise<R>,
  ): Promise<R> {
    requireValid(schema, message);
    const { refundNo, bizRefundNo } = message;
    const account = selectOrThrow(select, message.account, context).name;
    return await rethrown(work(requireTracking(), { account, refundNo, bizRefundNo }), message);
  }

  router.service(RefundTrackingService, {
    async trackRefund(message, context) {
      requireValid(TrackRefundRequestSchema, message);
      const { name } = selectOrThrow(select, message.account, context);
      const tracked = requireTracking().track([trackRequestFrom(message, name)], callerNameOf(context));
      const [result] = await rethrown(tracked, message);
      if (result instanceof TrackingError) throw connectErrorFromTracking(result, message);
      return { trackedRefund: messageFromTracked(result.trackedRefund), created: result.created };
    },
    async batchTrackRefunds(message, context) {
      requireValid(BatchTrackRefundsRequestSchema, message);
      return { results: await batch(requireTracking(), select, message.requests, context, callerNameOf(context)) };
    },
    getTrackedRefund: (message, context) =>
      withNamed(GetTrackedRefundRequestSchema, message, context, async (tracking, name) => ({
        trackedRefund: messageFromTracked(await tracking.get(name)),
      })),
    async listTrackedRefunds(message, context) {
      requireValid(ListTrackedRefundsRequestSchema, message);
      const { filter, orderBy, pageToken, pageSize } = message;
      const accounts = accountsOf(message.account, context);
      const query = { accounts, filter, orderBy, pageToken, pageSize: pageSize || DEFAULT_PAGE_SIZE };
      const { items, nextPageToken } = await rethrown(requireTracking().list(query));
      return { trackedRefunds: items.map(messageFromTracked), nextPageToken };
    },
    untrackRefund: (message, context) =>
      withNamed(UntrackRefundRequestSchema, message, context, async (tracking, name) => ({
        trackedRefund: messageFromTracked(await tracking.untrack(name)),
      })),
    acknowledgeContradiction: (message, context) =>
      withNamed(AcknowledgeContradictionRequestSchema, message, context, async (tracking, name) => ({
        trackedRefund: messageFromTracked(await tracking.acknowledge(name, message.note, callerNameOf(context))),
      })),
    streamRefundEvents(message, context) {
      requireValid(StreamRefundEventsRequestSchema, message);
      const query = { accounts: accountsOf(message.account, context), afterCursor: message.afterCursor };
      return mapStream(requireTracking().streamEvents(query, context.signal), {
        onValue: messageFromStreamed,
        onError: (error) => toConnectError(error),
      });
    },
    async listRefundEvents(message, context) {
      requireValid(ListRefundEventsRequestSchema, message);
      const { afterCursor, pageToken } = message;
      const limit = message.pageSize || DEFAULT_PAGE_SIZE;
      const query = { accounts: accountsOf(message.account, context), afterCursor: pageToken || afterCursor };
      // One more tells whether there is another page.
      const found = requireTracking().listEvents(query, limit + 1);
      const events = await rethrown(pageToken ? found.catch(blamePageToken) : found);
      const page = events.slice(0, limit);
      return {
        events: page.map(messageFromEvent),
        nextPageToken: events.length > limit ? page.at(-1)?.cursor ?? "" : "",
      };
    },
  });
}

/** One result for each request, in their order. */
async function batch(
  tracking: Tracking,
  select: SelectAccount,
  messages: readonly TrackRefundRequest[],
  context: HandlerContext,
  trackedBy: string,
): Promise<TrackRefundResult[]> {
  const checked = messages.map((message) => checkedRequest(message, select, context));
  const requests = checked.flatMap((request) => "reason" in request ? [] : [request]);
  const tracked = requests.length > 0 ? await rethrown(tracking.track(requests, trackedBy)) : [];
  const results = tracked.values();
  return checked.map((request) => {
    if ("reason" in request) return messageFromTrackFailure(request);
    const { value } = results.next();
    if (!value) throw new TypeError(`Expected ${requests.length} results, got ${tracked.length}`);
    return messageFromTrackResult(value);
  });
}

/** The request, or why it is rejected. */
function checkedRequest(
  message: TrackRefundRequest,
  select: SelectAccount,
  context: HandlerContext,
): TrackRequest | FailureFields {
  const violations = violationsOf(TrackRefundRequestSchema, message);
  if (violations.length > 0) return { reason: "INVALID_REQUEST", message: describeViolations(violations) };
  try {
    return trackRequestFrom(message, select(message.account, context).name);
  } catch (error) {
    if (!(error instanceof AccountError)) throw error;
    return { reason: error.reason, message: error.message };
  }
}

async function rethrown<T>(work: Promise<T>, numbers?: RefundNumbers): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw toConnectError(error, numbers);
  }
}

/** A page token of events is a cursor. */
function blamePageToken(error: unknown): never {
  if (!(error instanceof TrackingError) || error.field !== "after_cursor") throw error;
  throw new TrackingError(error.reason, error.message, { field: "page_token", cause: error });
}

function toConnectError(error: unknown, numbers?: RefundNumbers): unknown {
  return error instanceof TrackingError ? connectErrorFromTracking(error, numbers) : error;
}
