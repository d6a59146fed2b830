import type { Interceptor } from "@connectrpc/connect";

/** Ends streams, and only them, when the signal aborts: one of them can last for hours, a unary call finishes soon. */
export function createStopInterceptor(signal: AbortSignal): Interceptor {
  return (next) => (request) =>
    request.stream ? next({ ...request, signal: AbortSignal.any([request.signal, signal]) }) : next(request);
}
