import {
  type Context,
  context as otel,
  isSpanContextValid,
  isValidSpanId,
  isValidTraceId,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { Call, CallObserver } from "./call.ts";
import { endingAttributes, methodAttributes } from "./metrics.ts";

/** The codes that are the server's fault by the semantic conventions; with the others the caller has to do something. */
const FAULTS = new Set(["unknown", "deadline_exceeded", "unimplemented", "internal", "unavailable", "data_loss"]);

/** Makes a server span per RPC, within the caller's trace if there is one. */
export function createCallTrace(tracer: Tracer): CallObserver {
  const spans = new WeakMap<Call, Span>();
  return {
    onStart(call) {
      const options = { kind: SpanKind.SERVER, attributes: methodAttributes(call) };
      const span = tracer.startSpan(`${call.service}/${call.method}`, options, parentOf(call));
      spans.set(call, span);
      if (isSpanContextValid(span.spanContext())) call.context = trace.setSpan(otel.active(), span);
    },
    onEnd(call, ending) {
      const span = spans.get(call);
      if (!span) return;
      // Deno exports an attribute that is set twice twice.
      span.setAttributes(endingAttributes(call, ending));
      span.setAttribute("refundsync.request_id", call.requestId);
      if (FAULTS.has(ending.code)) span.setStatus({ code: SpanStatusCode.ERROR, message: ending.code });
      span.end();
    },
  };
}

/** W3C's id of the trace that the call belongs to; undefined where neither the caller nor this process traces. */
export function traceIdOf(call: Call): string | undefined {
  const own = trace.getSpanContext(call.context)?.traceId;
  return own !== undefined && isValidTraceId(own) ? own : traceparent(call.header)?.traceId;
}

/** Read here: Deno makes a span of its own for every HTTP request, but does not let handlers run within it. */
function parentOf(call: Call): Context {
  const parent = traceparent(call.header);
  return parent ? trace.setSpanContext(otel.active(), { ...parent, isRemote: true }) : otel.active();
}

/** W3C Trace Context, version 00: https://www.w3.org/TR/trace-context/#traceparent-header */
function traceparent(header: Headers) {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
    .exec(header.get("traceparent") ?? "") ?? [];
  if (!traceId || !isValidTraceId(traceId) || !isValidSpanId(spanId)) return undefined;
  return { traceId, spanId, traceFlags: parseInt(flags, 16) };
}
