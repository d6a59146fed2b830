import {
  type Context,
  context as otel,
  isSpanContextValid,
  isValidTraceId,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { parseTraceParent, TRACE_PARENT_HEADER } from "@opentelemetry/core";
import type { Call, CallObserver } from "./call.ts";
import { methodAttributes, resultAttributes } from "./metrics.ts";

/** Codes that the semantic conventions count as server errors. */
const SERVER_ERRORS = new Set([
  "unknown",
  "deadline_exceeded",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
]);

/** Creates a server span per RPC, within the caller's trace if it sends one. */
export function createCallTrace(tracer: Tracer): CallObserver {
  const spans = new WeakMap<Call, Span>();
  return {
    onStart(call) {
      const options = { kind: SpanKind.SERVER, attributes: methodAttributes(call) };
      const span = tracer.startSpan(`${call.service}/${call.method}`, options, parentOf(call));
      spans.set(call, span);
      if (isSpanContextValid(span.spanContext())) call.context = trace.setSpan(otel.active(), span);
    },
    onEnd(call, result) {
      const span = spans.get(call);
      if (!span) return;
      // Deno exports an attribute twice if it is set twice.
      span.setAttributes(resultAttributes(call, result));
      span.setAttribute("refundsync.request_id", call.requestId);
      if (SERVER_ERRORS.has(result.code)) span.setStatus({ code: SpanStatusCode.ERROR, message: result.code });
      span.end();
    },
  };
}

/** W3C trace id of the call; undefined if neither the caller nor this process traces. */
export function traceIdOf(call: Call): string | undefined {
  const own = trace.getSpanContext(call.context)?.traceId;
  return own !== undefined && isValidTraceId(own) ? own : callerSpanOf(call)?.traceId;
}

/** Read here, because Deno creates a span for every HTTP request but does not run handlers within it. */
function parentOf(call: Call): Context {
  const parent = callerSpanOf(call);
  return parent ? trace.setSpanContext(otel.active(), { ...parent, isRemote: true }) : otel.active();
}

function callerSpanOf(call: Call): SpanContext | null {
  return parseTraceParent(call.header.get(TRACE_PARENT_HEADER) ?? "");
}
