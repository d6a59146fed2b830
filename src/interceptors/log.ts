import type { Logger } from "@logtape/logtape";
import { context as otel } from "@opentelemetry/api";
import { FailureReason, SyncFailureSchema } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Call, CallObserver, CallResult } from "./call.ts";
import { traceIdOf } from "./trace.ts";

/**
 * Writes one line per RPC when it has ended. It holds what is listed here and nothing else of the messages and headers,
 * so that no token can get into it. Calls of the given services are lines of level debug as long as all is well.
 */
export function createCallLog(logger: Logger, quiet: readonly string[]): CallObserver {
  function write(call: Call, ending: CallResult): void {
    const line = lineOf(call, ending);
    // Both are words of the contract, and read better without the quotes that values get.
    const what = `${call.method} ${ending.code}`;
    if (!ending.error) {
      const level = quiet.includes(call.service) ? "debug" : "info";
      logger[level](`${what} in {ms} ms`, line);
    } else if (ending.code === "internal" && ending.error.cause !== undefined) {
      logger.error(`${what} in {ms} ms: {error}`, { ...line, cause: causeOf(ending.error.cause) });
    } else {
      logger.warn(`${what} in {ms} ms: {error}`, line);
    }
  }
  // Within the call's span, so that a line that Deno exports belongs to it.
  return { onEnd: (call, ending) => otel.with(call.context, write, undefined, call, ending) };
}

function lineOf(call: Call, { ms, code, error }: CallResult): Record<string, unknown> {
  const failure = error?.findDetails(SyncFailureSchema)[0];
  const line: Record<string, unknown> = {
    method: call.method,
    service: call.service,
    protocol: call.protocol,
    caller: call.caller,
    code,
    ms: Math.round(ms),
    requestId: call.requestId,
    daxpayTraceId: traceIdOf(call),
    attempts: call.method === "SyncRefund" ? call.coalesced ? 0 : call.retries + 1 : undefined,
    ...call.logFields,
  };
  if (failure) {
    line.reason = FailureReason[failure.reason];
    line.daxpayTraceId = failure.daxpayTraceId;
  }
  if (error) line.error = error.rawMessage;
  const told: Record<string, unknown> = {};
  for (const name in line) if (line[name] !== undefined && line[name] !== "") told[name] = line[name];
  return told;
}

/** The whole chain: this is for those who look for a bug. */
function causeOf(cause: unknown): string {
  const chain: string[] = [];
  for (let at = cause; at !== undefined && at !== null && chain.length < 8; at = (at as Error).cause) {
    chain.push(at instanceof Error ? at.stack ?? String(at) : String(at));
  }
  return chain.join("\nCaused by: ");
}
