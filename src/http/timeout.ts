import type { Handler, NodeServerRequest, NodeServerResponse } from "./listen.ts";

/**
 * What slow or hostile peers may use up. HTTP/2 rapid resets, ping and settings floods are ended by Deno's nghttp2, after
 * about a thousand of them.
 */
export const LIMITS = {
  /** Milliseconds until a request's headers, and the whole request, must have come. */
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  /** Milliseconds that an unused connection stays open: longer than the minute of most load balancers. */
  keepAliveTimeout: 75_000,
  /** Milliseconds between looks at these. */
  connectionsCheckingInterval: 2_000,
  /** Milliseconds for a TLS handshake. */
  handshakeTimeout: 10_000,
  /** Bytes of all headers of a request. */
  maxHeaderSize: 16_384,
  /** Of one HTTP/2 connection. */
  maxConcurrentStreams: 250,
  maxSessionInvalidFrames: 100,
} as const;

/** Milliseconds that the rest of a body may come after its answer. */
const DRAIN_MS = 1_000;

/** Answers 408 to requests that are not sent whole in time, of either HTTP version, and drops them. */
export function withRequestTimeout(handler: Handler, timeoutMs: number = LIMITS.requestTimeout): Handler {
  /** What has not come whole yet, the oldest first. */
  const awaited = new Map<NodeServerRequest, { readonly response: NodeServerResponse; readonly due: number }>();
  let watching = false;

  /** One timer for all: making one for every request costs more than the rest of this. */
  function watch(): void {
    const now = performance.now();
    watching = false;
    for (const [request, { response, due }] of awaited) {
      if (due > now) {
        watching = true;
        return void setTimeout(watch, due - now).unref();
      }
      awaited.delete(request);
      respondTimeout(request, response);
    }
  }

  return (request, response) => {
    awaited.set(request, { response, due: performance.now() + timeoutMs });
    if (!watching) watch();
    let sent = false;
    request.on("end", () => {
      sent = true;
      awaited.delete(request);
    });
    response.on("close", () => awaited.delete(request));
    // What is answered before its body was read: the rest is thrown away for a moment, so that the answer is not lost in a
    // reset, and then the stream or the connection ends. A "connection: close" would end it at once.
    const stream = "stream" in request ? request.stream : undefined;
    const carrier = stream ?? request.socket;
    keepSocketOnEarlyReturn(request);
    // On Deno an HTTP/2 response has not finished as long as its request goes on, but its stream has.
    (stream ?? response).on("finish", () => {
      if (sent || (!stream && request.complete)) return;
      request.resume();
      setTimeout(() => (!stream && request.complete) || carrier.destroy(), DRAIN_MS).unref();
    });
    handler(request, response);
  };
}

/** Whoever stops reading a body in its midst would destroy the request, and with it the connection before the answer. */
function keepSocketOnEarlyReturn(request: NodeServerRequest): void {
  Object.assign(request, { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) });
}

function respondTimeout(request: NodeServerRequest, response: NodeServerResponse): void {
  if (!response.headersSent) {
    response.statusCode = 408;
    if (request.httpVersionMajor === 1) response.setHeader("connection", "close");
    response.end();
  }
  request.destroy();
}
