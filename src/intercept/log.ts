import { Code, ConnectError, type Interceptor, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import type { Logger } from "@logtape/logtape";
import { FailureReason, SyncFailureSchema } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";

/** Logs one line per RPC when it has ended: method, code, milliseconds, and for failures the reason and DaxPay's trace id. */
export function createLogInterceptor(logger: Logger, now: () => number): Interceptor {
  return (next) => async (request) => {
    const start = now();
    const end = (error?: unknown) =>
      logEnd(logger, request.method.parent.typeName, request.method.name, now() - start, error);
    let response: UnaryResponse | StreamResponse;
    try {
      response = await next(request);
    } catch (error) {
      end(error);
      throw error;
    }
    if (!response.stream) {
      end();
      return response;
    }
    return { ...response, message: untilEnd(response.message, end) };
  };
}

/** The errors of a stream appear while it is read, after the interceptor has returned. */
async function* untilEnd<T>(messages: AsyncIterable<T>, end: (error?: unknown) => void): AsyncIterable<T> {
  let failure: unknown;
  try {
    yield* messages;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    end(failure);
  }
}

function logEnd(logger: Logger, service: string, method: string, ms: number, error: unknown): void {
  const properties: Record<string, unknown> = { service, method, ms: Math.round(ms) };
  if (error === undefined) {
    logger.info("{method} ok in {ms} ms", { ...properties, code: "ok" });
    return;
  }
  const connectError = ConnectError.from(error);
  const [failure] = connectError.findDetails(SyncFailureSchema);
  properties.code = Code[connectError.code];
  if (failure) {
    properties.reason = FailureReason[failure.reason];
    properties.traceId = failure.traceId;
  }
  properties.error = error instanceof ConnectError ? connectError.rawMessage : String(error);
  logger.warn("{method} {code} in {ms} ms: {error}", properties);
}
