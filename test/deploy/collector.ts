import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Attributes = Readonly<Record<string, unknown>>;

export interface ReceivedSpan {
  readonly scope: string;
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly status: { readonly code: number; readonly message: string };
  /** As they came, so that one that came twice is seen. */
  readonly attributes: readonly (readonly [name: string, value: unknown])[];
}

export interface ReceivedPoint {
  readonly resource: Attributes;
  readonly scope: string;
  readonly name: string;
  readonly attributes: Attributes;
  /** Of a histogram the count. */
  readonly value: number;
}

export interface ReceivedLine {
  readonly traceId: string;
  readonly spanId: string;
  readonly text: string;
}

// deno-lint-ignore no-explicit-any -- what OTLP/JSON sends is looked at member by member
type Json = any;

/** Receives OTLP/HTTP in JSON on a free port, as an OpenTelemetry collector does. */
export async function startCollector() {
  const bodies: { readonly path: string; readonly text: string }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = await Array.fromAsync(request);
    bodies.push({ path: request.url ?? "", text: new TextDecoder().decode(await new Blob(chunks as never).bytes()) });
    response.setHeader("content-type", "application/json").end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  /** Every entry of a signal with the resource and the scope that it came under. */
  function received(path: string, resources: string, scopes: string, entries: string): Json[] {
    return bodies.filter((body) => body.path === path).flatMap(({ text }) =>
      JSON.parse(text)[resources].flatMap(({ resource, [scopes]: scoped }: Json) =>
        scoped.flatMap(({ scope, [entries]: list }: Json) =>
          list.map((entry: Json) => ({ entry, scope: scope.name, resource: Object.fromEntries(pairs(resource)) }))
        )
      )
    );
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** All that ever came, as it came. */
    text: () => bodies.map(({ text }) => text).join("\n"),
    spans: (): ReceivedSpan[] =>
      received("/v1/traces", "resourceSpans", "scopeSpans", "spans")
        .map(({ entry, scope }) => ({ ...entry, scope, attributes: pairs(entry) })),
    lines: (): ReceivedLine[] =>
      received("/v1/logs", "resourceLogs", "scopeLogs", "logRecords")
        .map(({ entry: { traceId, spanId, body } }) => ({ traceId, spanId, text: body.stringValue })),
    /** The last value of every series. */
    points(): ReceivedPoint[] {
      const last = new Map<string, ReceivedPoint>();
      const metrics = received("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics");
      for (const { entry: { name, sum, gauge, histogram }, scope, resource } of metrics) {
        for (const point of (sum ?? gauge ?? histogram).dataPoints) {
          const attributes = Object.fromEntries(pairs(point).sort());
          const value = Number(point.count ?? point.asInt ?? point.asDouble);
          last.set(JSON.stringify([resource, name, attributes]), { resource, scope, name, attributes, value });
        }
      }
      return [...last.values()];
    },
    [Symbol.asyncDispose]: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function pairs({ attributes }: Json): [name: string, value: unknown][] {
  return attributes.map(({ key, value }: Json) => [key, Object.values(value)[0]]);
}
