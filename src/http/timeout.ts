import type { Handler, NodeServerRequest, NodeServerResponse } from "./handler.ts";

/**
 * Limits against slow or abusive clients. Deno's nghttp2 itself ends HTTP/2 rapid resets, ping and settings floods, after
 * about a thousand frames.
 */
export const LIMITS = {
  /** Milliseconds within which a request's headers, and the whole request, must arrive. */
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  /** Milliseconds that an idle connection stays open: longer than the 60 s of most load balancers. */
  keepAliveTimeout: 75_000,
  /** Milliseconds between checks of these. */
  connectionsCheckingInterval: 2_000,
  /** Milliseconds. */
  handshakeTimeout: 10_000,
  /** Bytes, over all headers of a request. */
  maxHeaderSize: 16_384,
  /** Per HTTP/2 connection. */
  maxConcurrentStreams: 250,
  maxSessionInvalidFrames: 100,
} as const;

/** Milliseconds for which a body is still read after its response. */
const DRAIN_MS = 1_000;

/** Answers 408 to requests that do not arrive completely in time, and closes them. */
export function withRequestTimeout(handler: Handler, timeoutMs: number = LIMITS.requestTimeout): Handler {
  /** Incomplete requests, oldest first. */
  const incomplete = new Map<NodeServerRequest, { readonly response: NodeServerResponse; readonly due: number }>();
  let watching = false;

  /** One timer for all: one per request costs more than everything else here. */
  function check(): void {
    const now = performance.now();
    watching = false;
    for (const [request, { response, due }] of incomplete) {
      if (due > now) {
        watching = true;
        return void setTimeout(check, due - now).unref();
      }
      incomplete.delete(request);
      respondTimeout(request, response);
    }
  }

  return (request, response) => {
    incomplete.set(request, { response, due: performance.now() + timeoutMs });
    if (!watching) check();
    let sent = false;
    request.on("end", () => {
      sent = true;
      incomplete.delete(request);
    });
    response.on("close", () => incomplete.delete(request));
    // A response that precedes the end of its request: discard the rest of the body for a moment, so that the response is
    // not lost in a reset, then close (denoland/deno#36821).
    const stream = "stream" in request ? request.stream : undefined;
    const carrier = stream ?? request.socket;
    keepSocketOnEarlyReturn(request);
    // On Deno an HTTP/2 response does not finish before its request, but its stream does.
    (stream ?? response).on("finish", () => {
      if (sent || (!stream && request.complete)) return;
      request.resume();
      setTimeout(() => (!stream && request.complete) || carrier.destroy(), DRAIN_MS).unref();
    });
    handler(request, response);
  };
}

/** Otherwise leaving a `for await` over the body early would destroy the socket before the response. */
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
