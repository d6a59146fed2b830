import type { Logger } from "@logtape/logtape";
import { context as otel } from "@opentelemetry/api";
import { causeChain } from "../util/cause-chain.ts";
import type { Call, CallObserver, CallResult } from "./call.ts";
import { traceIdOf } from "./trace.ts";

/**
 * Logs one line per RPC at its end. It contains the fields listed here and nothing else of messages and headers, so that no
 * token can get into it. Successful calls of the given services are logged at level debug.
 */
export function createCallLog(logger: Logger, debugServices: readonly string[]): CallObserver {
  function write(call: Call, result: CallResult): void {
    const fields = fieldsOf(call, result);
    // Not placeholders, which would put both in quotes.
    const summary = `${call.method} ${result.code}`;
    if (!result.error) {
      const level = debugServices.includes(call.service) ? "debug" : "info";
      logger[level](`${summary} in {ms} ms`, fields);
    } else if (result.code === "internal" && result.error.cause !== undefined) {
      logger.error(`${summary} in {ms} ms: {error}`, { ...fields, cause: stackOf(result.error.cause) });
    } else {
      // Clients may cancel: nothing is wrong.
      logger[result.code === "canceled" ? "info" : "warn"](`${summary} in {ms} ms: {error}`, fields);
    }
  }
  // Within the call's span, so that an exported line belongs to it.
  return { onEnd: (call, result) => otel.with(call.context, write, undefined, call, result) };
}

function fieldsOf(call: Call, { ms, code, error, failure }: CallResult): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    method: call.method,
    service: call.service,
    protocol: call.protocol,
    caller: call.caller,
    code,
    ms: Math.round(ms),
    requestId: call.requestId,
    traceId: traceIdOf(call),
    retries: call.retries || undefined,
    coalesced: call.coalesced || undefined,
    ...call.logFields,
    reason: failure?.reason,
    ...failure?.logFields,
    error: error?.rawMessage,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""));
}

/** Stacks of an error and its causes. */
function stackOf(cause: unknown): string {
  return causeChain(cause).map((error) => error instanceof Error ? error.stack ?? String(error) : String(error))
    .join("\nCaused by: ");
}
