import { AsyncLocalStorage } from "node:async_hooks";
import type { Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type Context, context as otel } from "@opentelemetry/api";
import type { Authenticate } from "../auth/authenticate.ts";
import { identityKey } from "../auth/identity.ts";
import { Shutdown } from "../util/shutdown.ts";
import { mapStream, type StreamHooks } from "../util/stream.ts";

/** Mutable record of one RPC; observers read it at the end. */
export interface Call {
  readonly service: string;
  readonly method: string;
  /** connect, grpc or grpc-web. */
  readonly protocol: string;
  readonly requestId: string;
  readonly header: Headers;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Name of the caller; undefined before authentication, and where none is required. */
  caller: string | undefined;
  /** What the messages were about, by names of log fields. */
  readonly logFields: Record<string, unknown>;
  /** Upstream requests retried for this call. */
  retries: number;
  /** Whether the call shared an upstream request with another one. */
  coalesced: boolean;
  /** OpenTelemetry context of the call's span. */
  context: Context;
}

/** How a call ended. */
export interface CallResult {
  readonly ms: number;
  /** "ok", or Connect's name of the error code. */
  readonly code: string;
  /** The error that the caller got; undefined if the call succeeded. */
  readonly error: ConnectError | undefined;
  readonly failure: FailureLabels | undefined;
}

/** What a service knows about one of its errors. */
export interface FailureLabels {
  /** Value of the metrics' `error.type`. */
  readonly reason: string;
  readonly logFields: Readonly<Record<string, unknown>>;
}

export interface CallObserver {
  onStart?(call: Call): void;
  onEnd(call: Call, result: CallResult): void;
}

/** Collects log fields from the messages of a call. */
export interface MessageFields {
  request(message: Message): void;
  response(message: Message): void;
}

export interface CallsOptions {
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  readonly generateRequestId: () => string;
  readonly authenticate: Authenticate;
  /** Common name of the verified client certificate. */
  readonly clientCertNameOf: (context: HandlerContext) => string | undefined;
  /** Full names of the services that require no credentials. */
  readonly open: readonly string[];
  readonly observers: readonly CallObserver[];
  /** Adds to the given record. Defaults to nothing. */
  readonly logFieldsOf?: (fields: Record<string, unknown>) => MessageFields;
  readonly failureLabels?: (error: ConnectError) => FailureLabels | undefined;
  /**
   * Returns the error that callers of the service get instead of the given one, which it must not change. Errors raised
   * before any interceptor runs (request gate, undecodable or oversized message, bad timeout or compression header) only
   * take over its details.
   */
  readonly completeError?: (serviceTypeName: string, error: ConnectError) => ConnectError;
}

/** Follows every RPC from its headers to its end. */
export interface Calls {
  /** Authenticates a call before its body is read. */
  readonly gate: (context: HandlerContext) => Promise<void>;
  /** Must be the outermost interceptor. */
  readonly interceptor: Interceptor;
  /** The call that the current code runs for. */
  current(): Call | undefined;
}

/** Undefined only outside of an RPC. */
const callKey = createContextKey<CallLifecycle | undefined>(undefined, { description: "The RPC being served" });

export const REQUEST_ID = "x-request-id";

const storage = new AsyncLocalStorage<Call>();

function runInCall<T>(call: Call, work: () => T): T {
  return storage.run(call, () => otel.with(call.context, work));
}

export function createCalls(options: CallsOptions): Calls {
  function start(context: HandlerContext): CallLifecycle {
    const { service, method, protocolName, requestHeader, values } = context;
    const call: Call = {
      service: service.typeName,
      method: method.name,
      protocol: protocolName,
      requestId: requestIdOf(requestHeader) ?? options.generateRequestId(),
      header: requestHeader,
      startedAt: options.elapsed(),
      caller: undefined,
      logFields: {},
      retries: 0,
      coalesced: false,
      context: otel.active(),
    };
    const lifecycle = new CallLifecycle(call, context.signal, options);
    values.set(callKey, lifecycle);
    for (const observer of options.observers) observer.onStart?.(call);
    return lifecycle;
  }

  async function gate(context: HandlerContext): Promise<void> {
    const { call } = start(context);
    context.responseHeader.set(REQUEST_ID, call.requestId);
    if (options.open.includes(call.service)) return;
    const authorization = context.requestHeader.get("authorization");
    try {
      const clientCertName = options.clientCertNameOf(context);
      const identity = await options.authenticate({ authorization, clientCertName });
      call.caller = identity?.name;
      if (identity?.metricsOnly) throw new ConnectError("This token may only read /metrics", Code.PermissionDenied);
      context.values.set(identityKey, identity);
    } catch (error) {
      // Connect would wrap any other error after it was observed.
      throw connectErrorFrom(error);
    }
  }

  const interceptor: Interceptor = (next) => async (request) => {
    const lifecycle = request.contextValues.get(callKey);
    if (!lifecycle) return await next(request);
    const { call } = lifecycle;
    const fields = options.logFieldsOf?.(call.logFields);
    lifecycle.detachSignal();
    try {
      if (!request.stream) {
        fields?.request(request.message);
        const response = await runInCall(call, () => next(request)) as UnaryResponse;
        fields?.response(response.message);
        lifecycle.end();
        return response;
      }
      const message = mapStream(request.message, {
        onValue(message) {
          fields?.request(message);
          return message;
        },
      });
      const response = await runInCall(call, () => next({ ...request, message }));
      if (!response.stream) throw new TypeError("Expected a stream response, got a unary one");
      return { ...response, message: mapStream(response.message, lifecycle) };
    } catch (error) {
      throw lifecycle.fail(error);
    }
  };

  return { gate, interceptor, current: () => storage.getStore() };
}

/** Ends the call exactly once. As hooks of the response stream it costs no closure per stream. */
class CallLifecycle implements EventListenerObject, StreamHooks<Message> {
  readonly call: Call;
  readonly #signal: AbortSignal;
  readonly #options: CallsOptions;
  #ended = false;

  constructor(call: Call, signal: AbortSignal, options: CallsOptions) {
    this.call = call;
    this.#signal = signal;
    this.#options = options;
    signal.addEventListener("abort", this, { once: true });
  }

  /** From the interceptor on, the call ends there, with more information than its signal has. */
  detachSignal(): void {
    this.#signal.removeEventListener("abort", this);
  }

  end(error?: ConnectError): void {
    if (this.#ended) return;
    this.#ended = true;
    const { elapsed, observers, failureLabels } = this.#options;
    const result = {
      ms: elapsed() - this.call.startedAt,
      code: error ? codeName(error.code) : "ok",
      error,
      failure: error && failureLabels?.(error),
    };
    for (const observer of observers) observer.onEnd(this.call, result);
  }

  /** Ends the call and returns the error for its caller. */
  fail(error: unknown): ConnectError {
    const completed = this.#completed(connectErrorFrom(error));
    this.end(completed);
    return completed;
  }

  /**
   * The call ended before the interceptor. Connect aborts the signal with the very error that it serializes next, so that
   * one is completed in place; the reason of a shutdown is shared by all calls and never serialized by itself.
   */
  handleEvent(): void {
    const { reason } = this.#signal;
    const error = connectErrorFrom(reason);
    const completed = this.#completed(error);
    if (error === reason && !(error.cause instanceof Shutdown)) error.details = completed.details;
    this.end(completed);
  }

  onValue<T extends Message>(message: T): T {
    this.#options.logFieldsOf?.(this.call.logFields).response(message);
    return message;
  }

  onDone(): void {
    this.end();
  }

  onError(error: unknown): ConnectError {
    return this.fail(error);
  }

  onStop(error?: unknown): void {
    const { aborted, reason } = this.#signal;
    this.fail(error ?? (aborted ? reason : new ConnectError("Client cancelled the stream", Code.Canceled)));
  }

  run<R>(work: () => R): R {
    return runInCall(this.call, work);
  }

  #completed(error: ConnectError): ConnectError {
    return this.#options.completeError?.(this.call.service, error) ?? error;
  }
}

/** What Node's streams throw while they read the request of a client that has left. */
const LEFT = ["ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"];

/** As Connect serializes it: `internal` for every foreign error, except those of a client that has left. */
function connectErrorFrom(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const hasLeft = (error instanceof DOMException && error.name === "AbortError") ||
    (error instanceof Error && "code" in error && LEFT.includes(String(error.code)));
  if (hasLeft) return new ConnectError("Client disconnected", Code.Canceled);
  return new ConnectError("internal error", Code.Internal, undefined, undefined, error);
}

/** Connect's spelling: `deadline_exceeded`. */
function codeName(code: Code): string {
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** The caller's own id, if it is safe in a log line. */
function requestIdOf(header: Headers): string | undefined {
  const id = header.get(REQUEST_ID) ?? "";
  return /^[\w.:/-]{1,64}$/.test(id) ? id : undefined;
}
