import { AsyncLocalStorage } from "node:async_hooks";
import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Interceptor,
  type UnaryResponse,
} from "@connectrpc/connect";
import { type Context, context as otel } from "@opentelemetry/api";
import type { Authenticate } from "./auth.ts";
import { facts } from "./facts.ts";

/** One RPC, from its headers on. Whoever learns something about it writes it down here. */
export interface Call {
  readonly service: string;
  readonly method: string;
  /** connect, grpc or grpc-web. */
  readonly protocol: string;
  readonly requestId: string;
  readonly header: Headers;
  /** Milliseconds since 1970. */
  readonly begunAt: number;
  /** Who calls; undefined as long as that is not known, and where nobody needs to say. */
  caller: string | undefined;
  /** What request and answers were about, by the names that they have in the log. */
  readonly about: Record<string, unknown>;
  /** Questions that were repeated on behalf of this call. */
  repeats: number;
  /** Whether it got the answer to a question that another call had asked already. */
  shared: boolean;
  /** Spans that begin within the call belong to the span in here. */
  context: Context;
}

/** How a call ended. */
export interface Ending {
  readonly ms: number;
  /** "ok", or Connect's name of the error's code. */
  readonly code: string;
  /** As the caller got it; undefined when all went well. */
  readonly error: ConnectError | undefined;
}

export interface CallObserver {
  onBegin?(call: Call): void;
  onEnd(call: Call, ending: Ending): void;
}

export interface CallsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly authenticate: Authenticate;
  /** Common name of the sender's client certificate, as the sockets know it. */
  readonly peerOf: (context: HandlerContext) => string | undefined;
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
const callKey = createContextKey<{ readonly call: Call; entered: boolean; end: (error?: unknown) => void } | undefined>(
  undefined,
  { description: "The RPC that is being served" },
);

export const REQUEST_ID = "x-request-id";

export function createCalls(options: CallsOptions): Calls {
  const storage = new AsyncLocalStorage<Call>();

  function begin(context: HandlerContext): Call {
    const { service, method, protocolName, requestHeader, values } = context;
    const call: Call = {
      service: service.typeName,
      method: method.name,
      protocol: protocolName,
      requestId: requestIdOf(requestHeader) ?? options.newId(),
      header: requestHeader,
      begunAt: options.now(),
      caller: undefined,
      about: {},
      repeats: 0,
      shared: false,
      context: otel.active(),
    };
    let ended = false;
    const entry = {
      call,
      entered: false,
      end(error?: unknown) {
        if (ended) return;
        ended = true;
        const ending = endingOf(error, options.now() - call.begunAt);
        for (const observer of options.observers) observer.onEnd(call, ending);
      },
    };
    values.set(callKey, entry);
    for (const observer of options.observers) observer.onBegin?.(call);
    // Whatever ends a call ends its signal. What got as far as the interceptor ends there, with more to tell.
    context.signal.addEventListener("abort", () => {
      if (!entry.entered) entry.end(context.signal.reason);
    }, { once: true });
    return call;
  }

  async function gate(context: HandlerContext): Promise<void> {
    const call = begin(context);
    context.responseHeader.set(REQUEST_ID, call.requestId);
    if (options.open.includes(call.service)) return;
    const authorization = context.requestHeader.get("authorization");
    call.caller = await options.authenticate({ authorization, peer: options.peerOf(context) });
  }

  function inside<T>(call: Call, work: () => T): T {
    return storage.run(call, () => otel.with(call.context, work));
  }

  /** The messages of a stream; every step of making them runs inside the call. */
  async function* followed<T>(call: Call, messages: AsyncIterable<T>, note: (message: T) => void): AsyncGenerator<T> {
    const iterator = messages[Symbol.asyncIterator]();
    // Whether the stream waits to be read on; when its reader leaves then, it has to be told.
    let waiting = false;
    try {
      for (;;) {
        const next = await inside(call, () => iterator.next());
        if (next.done) return;
        waiting = true;
        note(next.value);
        yield next.value;
        waiting = false;
      }
    } finally {
      if (waiting) await inside(call, () => iterator.return?.());
    }
  }

  const interceptor: Interceptor = (next) => async (request) => {
    const entry = request.contextValues.get(callKey);
    if (!entry) return await next(request);
    const { call, end } = entry;
    const about = facts(call.about);
    entry.entered = true;
    try {
      if (!request.stream) {
        about.request(request.message);
        const response = await inside(call, () => next(request)) as UnaryResponse;
        about.response(response.message);
        end();
        return response;
      }
      const message = followed(call, request.message, about.request);
      const response = await inside(call, () => next({ ...request, message }));
      if (!response.stream) throw new TypeError("Found a unary answer to a stream");
      return { ...response, message: untilEnd(followed(call, response.message, about.response), request.signal, end) };
    } catch (error) {
      end(error);
      throw error;
    }
  };

  return { gate, interceptor, current: () => storage.getStore() };
}

/** The errors of a stream appear while it is read, after the interceptor has returned. */
async function* untilEnd<T>(messages: AsyncIterable<T>, signal: AbortSignal, end: (error?: unknown) => void) {
  let finished = false;
  try {
    yield* messages;
    finished = true;
    end();
  } catch (error) {
    end(error);
    throw error;
  } finally {
    // A reader that stops reading: the caller has gone.
    if (!finished) end(signal.aborted ? signal.reason : new ConnectError("The caller stopped reading", Code.Canceled));
  }
}

/** As Connect answers it: `internal` for every error that is not its own. A signal's plain AbortError: the caller left. */
function endingOf(error: unknown, ms: number): Ending {
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
