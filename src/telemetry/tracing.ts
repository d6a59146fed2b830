import { context as otel, ROOT_CONTEXT, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { ATTR_ERROR_TYPE } from "@opentelemetry/semantic-conventions";
import type { DaxPay, ProvenReport } from "../daxpay/client.ts";
import { DaxPayFailure } from "../daxpay/failure.ts";
import { portOf } from "../util/url.ts";

/** Within it Deno's fetch creates no span of its own and sends no `traceparent`, whatever OTEL_PROPAGATORS says. */
const UNTRACED = suppressTracing(ROOT_CONTEXT);

/** Creates a client span per DaxPay request. DaxPay does not get the callers' trace ids. */
export function withTracing(daxpay: DaxPay, tracer: Tracer, url: URL): DaxPay {
  const common = {
    "http.request.method": "POST",
    "server.address": url.hostname,
    "server.port": portOf(url),
  };

  function traced(name: string, path: string | undefined, request: () => Promise<ProvenReport>): Promise<ProvenReport> {
    const attributes = { ...common, "daxpay.path": path };
    return tracer.startActiveSpan(name, { kind: SpanKind.CLIENT, attributes }, async (span) => {
      try {
        const report = await otel.with(UNTRACED, request);
        span.setAttribute("daxpay.trace_id", report.daxpayTraceId ?? "");
        return report;
      } catch (error) {
        const reason = error instanceof DaxPayFailure ? error.reason : "CANCELED";
        span.setAttribute(ATTR_ERROR_TYPE, reason).setStatus({ code: SpanStatusCode.ERROR, message: reason });
        throw error;
      } finally {
        span.end();
      }
    });
  }

  const { release } = daxpay;
  return {
    ...daxpay,
    sync: (request, options) => traced("DaxPay refund sync", release.path, () => daxpay.sync(request, options)),
    query: (request, options) =>
      traced("DaxPay refund query", release.query?.path, () => daxpay.query(request, options)),
  };
}
