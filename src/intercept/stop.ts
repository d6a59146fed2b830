import type { Interceptor } from "@connectrpc/connect";

/** Ends streams, and only them, when the signal aborts: one of them can last for hours, a unary call finishes soon. */
export function createStopInterceptor(signal: AbortSignal): Interceptor {
  // A signal derived by AbortSignal.any would take several times the memory, and every open watch has one.
  const streams = new Set<AbortController>();
  signal.addEventListener("abort", () => streams.forEach((stream) => stream.abort(signal.reason)), { once: true });

  return (next) => (request) => {
    if (!request.stream) return next(request);
    const stream = new AbortController();
    if (signal.aborted) stream.abort(signal.reason);
    if (request.signal.aborted) stream.abort(request.signal.reason);
    streams.add(stream);
    // Whatever ends a call ends its signal.
    request.signal.addEventListener("abort", () => {
      streams.delete(stream);
      stream.abort(request.signal.reason);
    }, { once: true });
    return next({ ...request, signal: stream.signal });
  };
}
