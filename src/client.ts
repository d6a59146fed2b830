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
  /** Connect if unset. For gRPC give a transport of \@connectrpc/connect-node's createGrpcTransport instead. */
  readonly protocol?: "connect" | "grpc-web";
  /** Bearer token, or a function that gives the current one. */
  readonly token?: string | (() => string | undefined);
}

interface CommonOptions {
  /** Milliseconds that a unary call may take, repetitions included; 30 s if unset. */
  readonly timeoutMs?: number;
  /** How often a failed call is repeated at the most; 3 if unset. */
  readonly repeats?: number;
}

export interface CallerOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
  /** Milliseconds; replaces the client's own. */
  readonly timeoutMs?: number;
}

export interface WatchOptions extends CallerOptions {
  /** Hears of every lost connection, and after how many milliseconds there will be a new one. */
  readonly onReconnect?: (error: ConnectError, waitMs: number) => void;
}

type Query = MessageInitShape<typeof SyncRefundRequestSchema>;
type WatchQuery = MessageInitShape<typeof WatchRefundRequestSchema>;

/** RefundSyncService for TypeScript. Errors are ConnectErrors; `failureOf` tells what they mean. */
export interface RefundClient {
  /**
   * Syncs one refund now. Repeats what surely changed nothing (not sent, DaxPay's lock held, this service not reached)
   * after the wait that the service asks for, as long as time is left.
   */
  syncRefund(query: Query, options?: CallerOptions): Promise<Refund>;
  /** Syncs up to 1000 refunds; yields each result as it arrives. Never repeats. */
  batchSyncRefunds(queries: Query[], options?: CallerOptions): AsyncIterable<BatchSyncRefundsResponse>;
  /**
   * Follows a refund until its state is final and yields every attempt's outcome. Opens a new stream when one breaks.
   * Without a deadline it goes on for as long as the refund does.
   */
  watchUntilFinal(query: WatchQuery, options?: WatchOptions): AsyncIterable<WatchRefundResponse>;
  /** The generated client, which neither repeats nor sets deadlines. */
  readonly raw: Client<typeof RefundSyncService>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_REPEATS = 3;
/** Milliseconds before a lost stream is opened again: doubles up to the second number. */
const RECONNECT_BACKOFF = [1_000, 30_000] as const;

export function createRefundClient(options: RefundClientOptions): RefundClient {
  const raw = createClient(RefundSyncService, "transport" in options ? options.transport : fetchTransport(options));
  const repeats = options.repeats ?? DEFAULT_REPEATS;

  return {
    raw,
    async syncRefund(query, { signal, timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS } = {}) {
      const deadline = Date.now() + timeoutMs;
      for (let repeat = 0;; repeat++) {
        try {
          const { refund } = await raw.syncRefund(query, { signal, timeoutMs: deadline - Date.now() });
          if (refund) return refund;
          throw new ConnectError("The answer holds no refund", Code.Internal);
        } catch (error) {
          const waitMs = repeat < repeats ? repeatAfterMs(ConnectError.from(error), repeat) : undefined;
          if (waitMs === undefined || Date.now() + waitMs >= deadline) throw error;
          await delay(waitMs, signal);
        }
      }
    },
    batchSyncRefunds: (refunds, callOptions) =>
      cancelOnReturn(callOptions, (call) => raw.batchSyncRefunds({ requests: refunds }, call)),
    watchUntilFinal: (query, watchOptions) => watchUntilFinal(raw, query, watchOptions),
  };
}

/** What a failed call means; undefined where the error is not about a refund, as for a refused token or a lost line. */
export function failureOf(error: unknown): SyncFailure | undefined {
  return ConnectError.from(error).findDetails(SyncFailureSchema)[0];
}

/** Whether the line to the service broke or the service is stopping, as opposed to an answer of the service. */
export function isConnectionError(error: unknown): boolean {
  const { code, isWireError } = ConnectError.from(error);
  if (failureOf(error)) return false;
  return code === Code.Unavailable || (!isWireError && CONNECTION_CODES.includes(code));
}

/** What transports make of a broken line: fetch, HTTP/1.1 and HTTP/2 each tell it differently. */
const CONNECTION_CODES: readonly Code[] = [Code.Unknown, Code.Aborted, Code.Canceled, Code.Internal, Code.DataLoss];

/** Whether a state can no longer change. */
export function isFinal(refund: Refund): boolean {
  return refund.nextSyncDelay === undefined;
}

async function* watchUntilFinal(raw: Client<typeof RefundSyncService>, query: WatchQuery, options: WatchOptions = {}) {
  const { signal, timeoutMs, onReconnect } = options;
  const deadline = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  for (let losses = 0;; losses++) {
    const call: CallOptions = { signal };
    if (deadline !== undefined) call.timeoutMs = Math.max(1, deadline - Date.now());
    let lost: ConnectError;
    try {
      for await (const response of cancelOnReturn(call, (inner) => raw.watchRefund(query, inner))) {
        losses = 0;
        yield response;
        if (response.outcome.case === "refund" && isFinal(response.outcome.value)) return;
      }
      lost = new ConnectError("The stream ended before the refund's state was final", Code.Unavailable);
    } catch (error) {
      lost = ConnectError.from(error);
    }
    if (signal?.aborted || !(isConnectionError(lost) || isTransient(lost))) throw lost;
    const [first, most] = RECONNECT_BACKOFF;
    const waitMs = Math.max(retryDelayMs(lost) ?? 0, Math.min(first * 2 ** losses, most)) * (1 + Math.random() / 5);
    if (deadline !== undefined && Date.now() + waitMs >= deadline) throw lost;
    onReconnect?.(lost, waitMs);
    await delay(waitMs, signal);
  }
}

/** Ends the call when its reader leaves the loop, which the generated client does not do by itself. */
async function* cancelOnReturn<T>(options: CallOptions | undefined, call: (options: CallOptions) => AsyncIterable<T>) {
  const left = new AbortController();
  const leave = () => left.abort(options?.signal?.reason);
  if (options?.signal?.aborted) leave();
  options?.signal?.addEventListener("abort", leave, { once: true });
  try {
    yield* call({ ...options, signal: left.signal });
  } finally {
    options?.signal?.removeEventListener("abort", leave);
    left.abort();
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

/** Milliseconds until the call may be repeated; undefined where it must not be. */
function repeatAfterMs(error: ConnectError, repeat: number): number | undefined {
  const failure = failureOf(error);
  if (failure) {
    const safe = failure.delivery === Delivery.NOT_SENT || failure.reason === FailureReason.SYNC_IN_PROGRESS;
    return safe && failure.retryDelay ? durationMs(failure.retryDelay) : undefined;
  }
  return isConnectionError(error) ? retryDelayMs(error) ?? 200 * 2 ** repeat : undefined;
}

/** Whether a failure that ended a watch may pass: one that repeating will not help has no retry_delay. */
function isTransient(error: ConnectError): boolean {
  return failureOf(error)?.retryDelay !== undefined;
}

function retryDelayMs(error: ConnectError): number | undefined {
  const [retry] = error.findDetails(RetryInfoSchema);
  return retry?.retryDelay && durationMs(retry.retryDelay);
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(ConnectError.from(signal.reason, Code.Canceled));
    const leave = () => {
      clearTimeout(timer);
      reject(ConnectError.from(signal?.reason, Code.Canceled));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve();
    }, ms);
    signal?.addEventListener("abort", leave, { once: true });
  });
}
