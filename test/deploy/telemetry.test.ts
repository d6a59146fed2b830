import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";
import { metricRows } from "../../scripts/metrics.ts";
import { startProcess } from "../support/process.ts";
import { startCollector } from "./collector.ts";
import { startTap } from "./tap.ts";

const SECRET = "s3cret-0f-the-merchant-7c1d";
const TOKEN = "t0ken-of-the-billing-service";
const SYNC = "daxpay.refundsync.v1.RefundSyncService/SyncRefund";
const SCOPE = "daxpay-refund-sync";
/** OTLP's enum values of a span's kind and status. */
const [SERVER, CLIENT, UNSET, ERROR] = [2, 3, 0, 2];

const folder = mkdtempSync(path.join(tmpdir(), "telemetry-"));
const tokensFile = path.join(folder, "tokens");
writeFileSync(tokensFile, `billing ${TOKEN}\n`);

/** What an operator sets. */
const exportingTo = (url: string) => ({
  OTEL_DENO: "true",
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
});
/** So often that an exit may coincide with an export, which ends in a kill: exits are not checked with these. */
const OFTEN = { OTEL_METRIC_EXPORT_INTERVAL: "200", OTEL_BSP_SCHEDULE_DELAY: "100", OTEL_BLRP_SCHEDULE_DELAY: "100" };

/** A caller's own trace, by one letter. */
const traceOf = (letter: string) => letter.repeat(32);
const CALLER_SPAN = "b7ad6b7169203331";
const traced = (letter: string) => ({
  headers: {
    authorization: `Bearer ${TOKEN}`,
    traceparent: `00-${traceOf(letter)}-${CALLER_SPAN}-01`,
    tracestate: "vendor=value",
    baggage: "customer=42",
  },
});

/** Every kind of outcome once, each in a trace of its own. */
async function exercise({ http, grpc }: { http: string; grpc: string }, sandbox: Sandbox) {
  const native = createClient(RefundSyncService, createGrpcTransport({ baseUrl: grpc }));
  const web = createClient(RefundSyncService, createConnectTransport({ baseUrl: http, httpVersion: "1.1" }));
  const failing = (call: Promise<unknown>) => expect(call).rejects.toThrow();
  await native.syncRefund({ refundNo: "R-SUCCEEDS" }, traced("a"));
  await failing(web.syncRefund({ refundNo: "R-UNKNOWN" }, traced("b")));
  await failing(web.syncRefund({ refundNo: "FAULT-HTTP-500" }, traced("c")));
  await failing(native.syncRefund({ refundNo: "LOAD-1" }, { headers: { authorization: `Bearer x${TOKEN}` } }));
  await native.syncRefund({ refundNo: "R-LOCKED-1" }, traced("d"));
  sandbox.setFault("slow", { refundNo: "LOAD-2", delayMs: 500 });
  await Promise.all([1, 2, 3].map(() => native.syncRefund({ refundNo: "LOAD-2" }, traced("e"))));
  await native.syncRefund({ refundNo: "R-CONTRADICTS" }, traced("f"));
  sandbox.setChannel("R-CONTRADICTS", { state: "NOT_EXIST" });
  await sandbox.syncInConsole("R-CONTRADICTS");
  await native.syncRefund({ refundNo: "R-CONTRADICTS" }, traced("f"));
  await native.watchRefund({ refundNo: "R-WAITS" }, traced("9"))[Symbol.asyncIterator]().next();
  sandbox.setFault("http-429", { refundNo: "LOAD-3", retryAfterSeconds: 1 });
  await failing(web.syncRefund({ refundNo: "LOAD-3" }, traced("8")));
}

describe.concurrent("with OTEL_DENO=true", () => {
  const open = new AsyncDisposableStack();
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let sandbox: Sandbox;
  let tap: Awaited<ReturnType<typeof startTap>>;
  let service: Awaited<ReturnType<typeof startProcess>>;

  beforeAll(async () => {
    collector = open.use(await startCollector());
    sandbox = open.adopt(await createSandbox({ release: "2.0.8", secret: SECRET }), (one) => one.close());
    tap = open.use(await startTap(sandbox.url));
    service = open.use(
      await startProcess({
        variables: {
          ...exportingTo(collector.url),
          ...OFTEN,
          STOP_TIMEOUT_MS: "500",
          DAXPAY_URL: tap.url,
          DAXPAY_RELEASE: "2.0.8",
          DAXPAY_SIGN_SECRET: SECRET,
          AUTH_TOKENS_FILE: tokensFile,
        },
      }),
    );
    await exercise(service, sandbox);
    // The last thing that happened; metrics are exported all together.
    await vi.waitFor(() => expect(value("refundsync.throttled")).toBe(1), { timeout: 15_000 });
  });
  afterAll(() => open.disposeAsync());

  const own = () => collector.points().filter(({ scope }) => scope === SCOPE);
  /** The sum of a metric's series with these attributes. */
  function value(name: string, attributes: Readonly<Record<string, string>> = {}): number | undefined {
    const found = own().filter((point) =>
      point.name === name && Object.entries(attributes).every(([key, wanted]) => point.attributes[key] === wanted)
    );
    return found.length === 0 ? undefined : found.reduce((sum, point) => sum + point.value, 0);
  }

  test("exports every documented metric, by its attributes", () => {
    const documented = metricRows({ database: false }).map(({ name }) => name);
    expect([...new Set(own().map(({ name }) => name))].sort()).toEqual(documented.sort());
    const calls = (system: string, code: string, attributes = {}) =>
      value("rpc.server.call.duration", {
        "rpc.system.name": system,
        "rpc.method": SYNC,
        "rpc.response.status_code": code,
        ...attributes,
      });
    expect(calls("grpc", "OK")).toBe(7);
    expect(calls("grpc", "UNAUTHENTICATED", { "error.type": "UNAUTHENTICATED" })).toBe(1);
    expect(calls("connectrpc", "not_found", { "error.type": "REFUND_NOT_FOUND" })).toBe(1);
    expect(calls("connectrpc", "unavailable", { "error.type": "UPSTREAM_ERROR" })).toBe(2);
    const requests = (reason?: string) =>
      value("daxpay.client.request.duration", reason ? { "error.type": reason } : {});
    expect(requests()).toBe(sandbox.requests.length);
    expect(["REFUND_NOT_FOUND", "UPSTREAM_ERROR", "SYNC_IN_PROGRESS"].map(requests)).toEqual([1, 2, 1]);
    expect(value("refundsync.retries", { "error.type": "SYNC_IN_PROGRESS" })).toBe(1);
    expect(value("refundsync.retries", { "error.type": "CLOCK_SKEW" })).toBe(0);
    expect(value("refundsync.build_info", { release: "2.0.8" })).toBe(1);
    expect(value("refundsync.coalesced")).toBe(2);
    expect(value("refundsync.state_conflicts")).toBe(1);
    expect(value("refundsync.queue.wait_time")).toBeGreaterThan(0);
    expect(value("refundsync.queue.size")).toBe(0);
    expect([value("refundsync.watches"), value("refundsync.circuit_breaker.state")]).toEqual([1, 0]);
    expect(Math.abs(value("daxpay.clock.skew") ?? NaN)).toBeLessThan(5);
  });

  test("exports the service's metrics as one instance, and nothing else", () => {
    const instances = new Set(own().map(({ resource }) => resource["service.instance.id"]));
    expect([...instances]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
    expect(new Set(own().map(({ resource }) => resource["service.name"]))).toEqual(new Set(["daxpay-refund-sync"]));
    const others = collector.points().filter(({ resource }) => !instances.has(resource["service.instance.id"]));
    expect(others.filter(({ resource }) => "service.instance.id" in resource)).toEqual([]);
  });

  test.each(
    [
      ["a", "grpc", "OK", UNSET, ["query", "sync", "query"]],
      ["b", "connectrpc", "not_found", UNSET, ["query"]],
      ["c", "connectrpc", "unavailable", ERROR, ["query", "sync"]],
    ] as const,
  )(
    "continues trace %s with a span of %s ending as %s, DaxPay's within it, and the log line",
    async (letter, system, code, status, requests) => {
      const spans = () => collector.spans().filter((span) => span.scope === SCOPE && span.traceId === traceOf(letter));
      await expect.poll(() => spans().length).toBe(1 + requests.length);
      const [server] = spans().filter(({ kind }) => kind === SERVER);
      expect(server).toMatchObject({ name: SYNC, parentSpanId: CALLER_SPAN, status: { code: status } });
      const attributes = Object.fromEntries(server.attributes);
      expect(attributes).toMatchObject({
        "rpc.system.name": system,
        "rpc.method": SYNC,
        "rpc.response.status_code": code,
      });
      expect(server.attributes.length).toBe(Object.keys(attributes).length);
      const upstream = spans().filter(({ kind }) => kind === CLIENT);
      expect(upstream.map(({ name }) => name).sort()).toEqual(requests.map((step) => `DaxPay refund ${step}`).sort());
      for (const span of upstream) {
        expect(span.parentSpanId).toBe(server.spanId);
        expect(Object.fromEntries(span.attributes)["server.port"]).toBe(Number(new URL(tap.url).port));
      }

      const { properties } = await service.line((line) => line.properties.traceId === traceOf(letter));
      const exported = () => collector.lines().filter(({ text }) => text.includes(String(properties.requestId)));
      await expect.poll(exported).toMatchObject([{ traceId: traceOf(letter), spanId: server.spanId }]);
    },
  );

  test("sends DaxPay no trace context", () => {
    expect(tap.headers.length).toBe(sandbox.requests.length);
    const sent = new Set(tap.headers.flatMap((headers) => Object.keys(headers)));
    expect([...sent].filter((name) => /^(trace|baggage)/.test(name))).toEqual([]);
  });

  test("exports no secret, token or signature", async () => {
    const metrics = await (await fetch(`${service.http}/metrics`, traced("a"))).text();
    const signatures = sandbox.requests.map(({ body }) => JSON.parse(body).sign);
    for (const hidden of [SECRET, TOKEN, "&key=", ...signatures]) {
      expect([collector.text().includes(hidden), metrics.includes(hidden)]).toEqual([false, false]);
    }
  });
});

/** Takes every connection and says nothing. */
async function startSilence() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.size,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test.concurrent("at shutdown exports the last metrics and lines, and does not wait for a collector that is away", async ({ expect }) => {
  await using collector = await startCollector();
  await using silence = await startSilence();
  const sandbox = await createSandbox({ release: "2.0.8" });
  const starting = (url: string, variables = {}) =>
    startProcess({
      variables: { DAXPAY_URL: sandbox.url, DAXPAY_RELEASE: "2.0.8", ...exportingTo(url), ...variables },
    });
  const all = [
    starting(collector.url, { OTEL_SERVICE_NAME: "refunds", OTEL_RESOURCE_ATTRIBUTES: "k8s.pod.name=refunds-1" }),
    starting("http://127.0.0.1:1"),
    starting(`http://127.0.0.1:${silence.port}`, { ...OFTEN, STOP_TIMEOUT_MS: "500" }),
  ] as const;
  await using heard = await all[0];
  await using away = await all[1];
  await using silent = await all[2];
  for (const { http } of [heard, away, silent]) {
    const client = createClient(RefundSyncService, createConnectTransport({ baseUrl: http, httpVersion: "1.1" }));
    for (let call = 0; call < 20; call++) await client.syncRefund({ refundNo: `LOAD-${call}` }, { timeoutMs: 10_000 });
  }
  await expect.poll(silence.connections).toBeGreaterThan(0);
  const stopping = performance.now();
  for (const service of [heard, away, silent]) service.kill("SIGTERM");

  expect([(await heard.ended).code, heard.errors()]).toEqual([0, []]);
  const calls = collector.points().filter(({ name }) => name === "rpc.server.call.duration");
  const resource = { "service.name": "refunds", "k8s.pod.name": "refunds-1", "service.instance.id": expect.anything() };
  expect(calls).toMatchObject([{ value: 20, resource }]);
  expect(collector.lines().some(({ text }) => text.includes('"Stopped"'))).toBe(true);
  expect([(await away.ended).code, away.errors()]).toEqual([0, []]);
  await silent.line(({ message }) => message === "Stopped");
  expect(performance.now() - stopping).toBeLessThan(15_000);
  // Deno would wait forever (denoland/deno#33157): the service ends itself.
  await silent.ended;
  expect(performance.now() - stopping).toBeLessThan(30_000);
  await sandbox.close();
});
