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
import { logFieldsOf } from "../service/log-fields.ts";

/** One RPC, from its headers on. Whoever learns something about it writes it down here. */
export interface Call {
  readonly service: string;
  readonly method: string;
  /** connect, grpc or grpc-web. */
  readonly protocol: string;
  readonly requestId: string;
  readonly header: Headers;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Who calls; undefined as long as that is not known, and where nobody needs to say. */
  caller: string | undefined;
  /** What request and answers were about, by the names that they have in the log. */
  readonly logFields: Record<string, unknown>;
  /** Questions that were repeated on behalf of this call. */
  retries: number;
  /** Whether it got the answer to a question that another call had asked already. */
  coalesced: boolean;
  /** Spans that begin within the call belong to the span in here. */
  context: Context;
}

/** How a call ended. */
export interface CallResult {
  readonly ms: number;
  /** "ok", or Connect's name of the error's code. */
  readonly code: string;
  /** As the caller got it; undefined when all went well. */
  readonly error: ConnectError | undefined;
}

export interface CallObserver {
  onStart?(call: Call): void;
  onEnd(call: Call, ending: CallResult): void;
}

export interface CallsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly generateRequestId: () => string;
  readonly authenticate: Authenticate;
  /** Common name of the sender's client certificate, as the sockets know it. */
  readonly clientCertNameOf: (context: HandlerContext) => string | undefined;
  /** Full names of the services that need no credentials. */
  readonly open: readonly string[];
  readonly observers: readonly CallObserver[];
}

/** Follows every RPC from its headers to its end, whichever way it ends. */
export interface Calls {
  /** Lets a call in before its body is read, or refuses it. */
  readonly gate: (context: HandlerContext) => Promise<void>;
  /** The outermost interceptor. */
  readonly interceptor: Interceptor;
  /** The call on whose behalf the present code runs. */
  current(): Call | undefined;
}

/** Undefined only outside of an RPC. */
const callKey = createContextKey<Entry | undefined>(undefined, { description: "The RPC that is being served" });

export const REQUEST_ID = "x-request-id";

/** Knows the call on whose behalf the present code runs. */
const storage = new AsyncLocalStorage<Call>();

function runInCall<T>(call: Call, work: () => T): T {
  return storage.run(call, () => otel.with(call.context, work));
}

export function createCalls(options: CallsOptions): Calls {
  function begin(context: HandlerContext): Call {
    const { service, method, protocolName, requestHeader, values } = context;
    const call: Call = {
      service: service.typeName,
      method: method.name,
      protocol: protocolName,
      requestId: requestIdOf(requestHeader) ?? options.generateRequestId(),
      header: requestHeader,
      startedAt: options.now(),
      caller: undefined,
      logFields: {},
      retries: 0,
      coalesced: false,
      context: otel.active(),
    };
    values.set(callKey, new Entry(call, context.signal, finish));
    for (const observer of options.observers) observer.onStart?.(call);
    return call;
  }

  function finish(call: Call, error: unknown): void {
    const ending = resultFrom(error, options.now() - call.startedAt);
    for (const observer of options.observers) observer.onEnd(call, ending);
  }

  async function gate(context: HandlerContext): Promise<void> {
    const call = begin(context);
    context.responseHeader.set(REQUEST_ID, call.requestId);
    if (options.open.includes(call.service)) return;
    const authorization = context.requestHeader.get("authorization");
    call.caller = await options.authenticate({ authorization, clientCertName: options.clientCertNameOf(context) });
  }

  const interceptor: Interceptor = (next) => async (request) => {
    const entry = request.contextValues.get(callKey);
    if (!entry) return await next(request);
    const { call } = entry;
    const about = logFieldsOf(call.logFields);
    entry.detachSignal();
    try {
      if (!request.stream) {
        about.request(request.message);
        const response = await runInCall(call, () => next(request)) as UnaryResponse;
        about.response(response.message);
        entry.end();
        return response;
      }
      const message = tap(request.message, about.request);
      const response = await runInCall(call, () => next({ ...request, message }));
      if (!response.stream) throw new TypeError("Found a unary answer to a stream");
      return { ...response, message: new ObservedStream(entry, response.message) };
    } catch (error) {
      entry.end(error);
      throw error;
    }
  };

  return { gate, interceptor, current: () => storage.getStore() };
}

/** Sees to it that a call ends once, whatever ends it. */
class Entry implements EventListenerObject {
  #ended = false;

  constructor(
    readonly call: Call,
    readonly signal: AbortSignal,
    private readonly finish: (call: Call, error: unknown) => void,
  ) {
    signal.addEventListener("abort", this, { once: true });
  }

  /** What got as far as the interceptor ends there, with more to tell than its signal. */
  detachSignal(): void {
    this.signal.removeEventListener("abort", this);
  }

  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.finish(this.call, error);
  }

  /** Whatever ends a call ends its signal. */
  handleEvent(): void {
    this.end(this.signal.reason);
  }
}

/** Notes the messages as they are read. */
async function* tap<T>(messages: AsyncIterable<T>, note: (message: T) => void): AsyncGenerator<T> {
  for await (const message of messages) {
    note(message);
    yield message;
  }
}

/**
 * The messages of an answer, each of them made inside the call, whose errors appear while they are read. Not a generator,
 * which would take three times the memory: ten thousand streams may wait for their next message.
 */
class ObservedStream<T extends Message> implements AsyncIterableIterator<T> {
  readonly #entry: Entry;
  readonly #messages: AsyncIterator<T>;

  constructor(entry: Entry, messages: AsyncIterable<T>) {
    this.#entry = entry;
    this.#messages = messages[Symbol.asyncIterator]();
  }

  next(): Promise<IteratorResult<T>> {
    const entry = this.#entry;
    return runInCall(entry.call, () => this.#messages.next()).then((next) => {
      if (next.done) entry.end();
      else logFieldsOf(entry.call.logFields).response(next.value);
      return next;
    }, (error) => {
      entry.end(error);
      throw error;
    });
  }

  /** A reader that stops reading: the caller has gone. */
  async return(): Promise<IteratorResult<T>> {
    const { aborted, reason } = this.#entry.signal;
    await this.#leave(aborted ? reason : new ConnectError("The caller stopped reading", Code.Canceled));
    return { value: undefined, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<T>> {
    await this.#leave(error);
    throw error;
  }

  async #leave(error: unknown): Promise<void> {
    this.#entry.end(error);
    await runInCall(this.#entry.call, () => this.#messages.return?.());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** As Connect answers it: `internal` for every error that is not its own. A signal's plain AbortError: the caller left. */
function resultFrom(error: unknown, ms: number): CallResult {
  if (error === undefined) return { ms, code: "ok", error };
  const left = error instanceof DOMException && error.name === "AbortError";
  const known = error instanceof ConnectError
    ? error
    : left
    ? new ConnectError("The caller has gone", Code.Canceled)
    : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
  return { ms, code: codeName(known.code), error: known };
}

/** Connect's spelling: `deadline_exceeded`. */
function codeName(code: Code): string {
  return Code[code].replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** A caller's own id is taken over if it can stand in a log line as it is. */
function requestIdOf(header: Headers): string | undefined {
  const id = header.get(REQUEST_ID) ?? "";
  return /^[\w.:/-]{1,64}$/.test(id) ? id : undefined;
}
