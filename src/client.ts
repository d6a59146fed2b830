import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import type { Refund } from "./gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  type BatchSyncRefundsResponse,
  RefundSyncService,
  type SyncRefundRequestSchema,
  type WatchRefundRequestSchema,
  type WatchRefundResponse,
} from "./gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import {
  type RefundEvent,
  RefundTrackingService,
  type StreamRefundEventsResponse,
  type TrackedRefund,
  type TrackRefundRequestSchema,
} from "./gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import {
  Delivery,
  FailureReason,
  type SyncFailure,
  SyncFailureSchema,
} from "./gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { RetryInfoSchema } from "./gen/google/rpc/error_details_pb.ts";

/** How to reach the service. */
export type RefundClientOptions = CommonOptions & (FetchOptions | { readonly transport: Transport });

/** Over fetch, which browsers, Deno and Node have. */
interface FetchOptions {
  /** Base address of the service, for example "http://127.0.0.1:8080". */
  readonly baseUrl: string;
  /** Defaults to Connect. For gRPC pass a transport made with createGrpcTransport of \@connectrpc/connect-node instead. */
  readonly protocol?: "connect" | "grpc-web";
  /** Bearer token, or a function that returns the current one. */
  readonly token?: string | (() => string | undefined);
}

interface CommonOptions {
  /** Milliseconds that a unary call may take, retries included. Defaults to 30 000. */
  readonly timeoutMs?: number;
  /** Maximum number of retries of a unary call. Defaults to 3. */
  readonly maxRetries?: number;
}

export interface CallerOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Milliseconds; replaces the client's own timeout. */
  readonly timeoutMs?: number;
}

interface ReconnectOptions {
  /** Called for every broken stream, with the milliseconds until the next one is opened. */
  readonly onReconnect?: (error: ConnectError, delayMs: number) => void;
}

export interface WatchOptions extends CallerOptions, ReconnectOptions {}

export interface EventsOptions extends ReconnectOptions {
  /** The DaxPay account. Defaults to every account that the caller may use. */
  readonly account?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /**
   * Milliseconds without a message after which the stream counts as broken. Defaults to 60 000: the service sends a
   * heartbeat at least every 25 s. Give a transport of connect-node a `pingIntervalMs`, too: it would open the next stream
   * over the same dead connection.
   */
  readonly silenceTimeoutMs?: number;
}

type SyncRequest = MessageInitShape<typeof SyncRefundRequestSchema>;
type WatchRequest = MessageInitShape<typeof WatchRefundRequestSchema>;
type TrackRequest = MessageInitShape<typeof TrackRefundRequestSchema>;

/**
 * RefundSyncService and RefundTrackingService for TypeScript. Errors are ConnectErrors; `failureOf` returns their
 * SyncFailure.
 */
export interface RefundClient {
  /**
   * Syncs one refund now. Retries what DaxPay did not process (sync not sent, lock held, service not reached) after the
   * delay that the service asks for, as long as time is left.
   */
  syncRefund(request: SyncRequest, options?: CallerOptions): Promise<Refund>;
  /** Syncs up to 1000 refunds; yields each result as it arrives. Never retries. */
  batchSyncRefunds(requests: SyncRequest[], options?: CallerOptions): AsyncIterable<BatchSyncRefundsResponse>;
  /**
   * Watches a refund until its state is final and yields the outcome of every attempt. Opens a new stream when one breaks.
   * Without a timeout it runs for as long as the refund does.
   */
  watchUntilFinal(request: WatchRequest, options?: WatchOptions): AsyncIterable<WatchRefundResponse>;
  /** Tracks one refund until it is final. Retries as syncRefund does: tracking is idempotent. */
  trackRefund(request: TrackRequest, options?: CallerOptions): Promise<TrackedRefund>;
  /**
   * Yields every event of tracked refunds after the cursor in commit order, each once; an empty cursor stands for the oldest
   * event. Store an event's cursor together with what it has caused, to continue there after a restart. Opens a new stream
   * when one breaks, and never ends by itself. Throws errors that no retry can solve, among them CURSOR_EXPIRED.
   */
  refundEvents(cursor: string, options?: EventsOptions): AsyncIterable<RefundEvent>;
  /** The generated client, which neither retries nor sets deadlines. */
  readonly raw: Client<typeof RefundSyncService>;
  /** The same of RefundTrackingService. */
  readonly rawTracking: Client<typeof RefundTrackingService>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_RETRIES = 3;
/** Milliseconds before a broken stream is opened again: doubles from the first to the second. */
const RECONNECT_BACKOFF = [1_000, 30_000] as const;
const DEFAULT_SILENCE_TIMEOUT_MS = 60_000;

export function createRefundClient(options: RefundClientOptions): RefundClient {
  const transport = "transport" in options ? options.transport : fetchTransport(options);
  const raw = createClient(RefundSyncService, transport);
  const rawTracking = createClient(RefundTrackingService, transport);
  const maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;

  async function withRetries<T>(
    { signal, timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS }: CallerOptions,
    call: (callOptions: CallOptions) => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (let retry = 0;; retry++) {
      try {
        return await call({ signal, timeoutMs: timeLeftMs(deadline) });
      } catch (error) {
        const delayMs = retry < maxRetries ? retryDelayMs(ConnectError.from(error), retry) : undefined;
        if (delayMs === undefined || performance.now() + delayMs >= deadline) throw error;
        await delay(delayMs, signal);
      }
    }
  }

  return {
    raw,
    rawTracking,
    syncRefund: (request, callOptions = {}) =>
      withRetries(callOptions, async (call) => required((await raw.syncRefund(request, call)).refund)),
    trackRefund: (request, callOptions = {}) =>
      withRetries(callOptions, async (call) => required((await rawTracking.trackRefund(request, call)).trackedRefund)),
    refundEvents: (cursor, eventsOptions) => refundEvents(rawTracking, cursor, eventsOptions),
    batchSyncRefunds: (requests, callOptions) =>
      cancelOnReturn(callOptions, (call) => raw.batchSyncRefunds({ requests }, call)),
    watchUntilFinal: (request, watchOptions) => watchUntilFinal(raw, request, watchOptions),
  };
}

/** Why a call failed; undefined where the error does not come from the service, for example when the connection broke. */
export function failureOf(error: unknown): SyncFailure | undefined {
  return ConnectError.from(error).findDetails(SyncFailureSchema)[0];
}

/** Whether the connection to the service broke or the service is shutting down, so that another attempt may reach it. */
export function isConnectionError(error: unknown): boolean {
  const { code, isWireError } = ConnectError.from(error);
  const failure = failureOf(error);
  if (failure) return failure.reason === FailureReason.SHUTTING_DOWN;
  return code === Code.Unavailable || (!isWireError && CONNECTION_CODES.includes(code));
}

/** Codes that transports give to a broken connection: fetch, HTTP/1.1 and HTTP/2 differ. */
const CONNECTION_CODES: readonly Code[] = [Code.Unknown, Code.Aborted, Code.Canceled, Code.Internal, Code.DataLoss];

async function* watchUntilFinal(
  raw: Client<typeof RefundSyncService>,
  request: WatchRequest,
  options: WatchOptions = {},
) {
  const { signal, timeoutMs, onReconnect } = options;
  const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  for (let failures = 0;; failures++) {
    const call: CallOptions = { signal };
    if (deadline !== undefined) call.timeoutMs = timeLeftMs(deadline);
    let error: ConnectError;
    try {
      for await (const response of cancelOnReturn(call, (inner) => raw.watchRefund(request, inner))) {
        failures = 0;
        yield response;
        if (response.outcome.case === "refund" && response.outcome.value.final) return;
      }
      error = new ConnectError("The stream ended before the refund's state was final", Code.Unavailable);
    } catch (thrown) {
      error = ConnectError.from(thrown);
    }
    await waitToReconnect(error, failures, { signal, deadline, onReconnect });
  }
}

async function* refundEvents(
  raw: Client<typeof RefundTrackingService>,
  cursor: string,
  options: EventsOptions = {},
): AsyncGenerator<RefundEvent, void, void> {
  const { account = "", signal, onReconnect, silenceTimeoutMs = DEFAULT_SILENCE_TIMEOUT_MS } = options;
  let afterCursor = cursor;
  for (let failures = 0;; failures++) {
    const open = (call: CallOptions) => raw.streamRefundEvents({ afterCursor, account }, call);
    let error: ConnectError;
    try {
      for await (const { message } of endOnSilence(signal, silenceTimeoutMs, open)) {
        failures = 0;
        // Of a later version of the contract.
        if (message.case === undefined) continue;
        afterCursor = message.value.cursor;
        if (message.case === "event") yield message.value;
      }
      error = new ConnectError("The stream of events ended", Code.Unavailable);
    } catch (thrown) {
      error = ConnectError.from(thrown);
    }
    await waitToReconnect(error, failures, { signal, onReconnect });
  }
}

interface ReconnectState extends ReconnectOptions {
  readonly signal: AbortSignal | undefined;
  /** Monotonic milliseconds. */
  readonly deadline?: number | undefined;
}

/** Waits until a broken stream may be opened again. Throws the error where it must not. */
async function waitToReconnect(error: ConnectError, failures: number, state: ReconnectState): Promise<void> {
  const { signal, deadline, onReconnect } = state;
  if (signal?.aborted || !(isConnectionError(error) || failureOf(error)?.retryable)) throw error;
  const [first, last] = RECONNECT_BACKOFF;
  const backoffMs = Math.min(first * 2 ** failures, last);
  const delayMs = Math.max(requestedDelayMs(error) ?? 0, backoffMs) * (1 + Math.random() / 5);
  if (deadline !== undefined && performance.now() + delayMs >= deadline) throw error;
  onReconnect?.(error, delayMs);
  await delay(delayMs, signal);
}

/** Cancels the call once it has been silent for too long: a connection can break without a sign of it. */
async function* endOnSilence(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  call: (options: CallOptions) => AsyncIterable<StreamRefundEventsResponse>,
) {
  const silence = new AbortController();
  const onAbort = () => silence.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const messages = cancelOnReturn({ signal: silence.signal }, call);
  try {
    for (;;) {
      // Not while the reader works on an event.
      const timer = setTimeout(() => silence.abort(silenceError(timeoutMs)), timeoutMs);
      const next = await messages.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await messages.return();
  }
}

function silenceError(timeoutMs: number): ConnectError {
  return new ConnectError(`Expected an event or a heartbeat within ${timeoutMs} ms, got none`, Code.Unavailable);
}

/** Cancels the call when its reader leaves the loop, which the generated client does not do by itself. */
async function* cancelOnReturn<T>(
  options: CallOptions | undefined,
  call: (options: CallOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, void> {
  const abort = new AbortController();
  const onAbort = () => abort.abort(options?.signal?.reason);
  if (options?.signal?.aborted) onAbort();
  options?.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    yield* call({ ...options, signal: abort.signal });
  } finally {
    options?.signal?.removeEventListener("abort", onAbort);
    abort.abort();
  }
}

function fetchTransport({ baseUrl, protocol = "connect", token }: FetchOptions): Transport {
  const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
  return create({
    baseUrl,
    // Enums by name in JSON would tie clients to this version's names.
    useBinaryFormat: true,
    interceptors: [(next) => (request) => {
      const current = typeof token === "function" ? token() : token;
      if (current) request.header.set("authorization", `Bearer ${current}`);
      return next(request);
    }],
  });
}

function required<T>(result: T | undefined): T {
  if (result === undefined) throw new ConnectError("Expected a refund in the response, got none", Code.Internal);
  return result;
}

/** A whole number, as Connect's timeout header takes no other. */
function timeLeftMs(deadline: number): number {
  return Math.max(1, Math.ceil(deadline - performance.now()));
}

/** Milliseconds before the retry; undefined where there must be none. */
function retryDelayMs(error: ConnectError, retry: number): number | undefined {
  const failure = failureOf(error);
  if (failure) {
    const safe = failure.delivery === Delivery.NOT_SENT || failure.reason === FailureReason.SYNC_IN_PROGRESS;
    return safe && failure.retryDelay ? durationMs(failure.retryDelay) : undefined;
  }
  return isConnectionError(error) ? requestedDelayMs(error) ?? 200 * 2 ** retry : undefined;
}

function requestedDelayMs(error: ConnectError): number | undefined {
  const [retry] = error.findDetails(RetryInfoSchema);
  return retry?.retryDelay && durationMs(retry.retryDelay);
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(ConnectError.from(signal.reason, Code.Canceled));
    const onAbort = () => {
      clearTimeout(timer);
      reject(ConnectError.from(signal?.reason, Code.Canceled));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
