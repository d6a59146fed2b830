import { randomBytes, randomUUID } from "node:crypto";
import process from "node:process";
import { createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { getLogger } from "@logtape/logtape";
import { metrics, trace } from "@opentelemetry/api";
import type { Config } from "../config/config.ts";
import { createDaxPay } from "../daxpay/client.ts";
import { RELEASES } from "../daxpay/release.ts";
import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService } from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { withHostCheck } from "../http/host.ts";
import { withCors } from "../http/cors.ts";
import { withSecurityHeaders } from "../http/headers.ts";
import { listen } from "../http/listen.ts";
import { createTextRoutes } from "../http/text.ts";
import { createErrorResponseLog } from "../http/error-log.ts";
import { createStatic } from "../http/static.ts";
import { clientCertNameOf } from "../auth/certificate.ts";
import { createCalls, REQUEST_ID } from "../interceptors/call.ts";
import { createCallLog } from "../interceptors/log.ts";
import { createCallMetrics } from "../interceptors/metrics.ts";
import { endStreamsOn } from "../interceptors/shutdown.ts";
import { createCallTrace } from "../interceptors/trace.ts";
import { LOG_CATEGORY } from "../telemetry/log.ts";
import { createMetrics, PROMETHEUS } from "../telemetry/metrics.ts";
import { createTelemetryListener, observeGauges, withTracing } from "../telemetry/listener.ts";
import { type Clock, systemClock } from "../refund/clock.ts";
import { createRefunds, type Stats } from "../refund/refunds.ts";
import { routeHealth } from "../service/health.ts";
import { routeReflection } from "../service/reflection.ts";
import { completeError, ERROR_DETAILS, shuttingDownError } from "../service/errors.ts";
import { routeRefunds } from "../service/refund.ts";
import { routeTrackingDisabled } from "../service/tracking.ts";
import { createReadiness } from "../service/readiness.ts";
import { loadAuthenticator, loadCertificate, requireAuth } from "../auth/require.ts";

/** A running service. */
export interface App {
  /** Base addresses: HTTP/1.1 and cleartext HTTP/2. */
  readonly addresses: { readonly http: string; readonly grpc: string };
  /** Stops: no new connections, unary calls finish for at most STOP_TIMEOUT_MS, streams end as unavailable. */
  close(): Promise<void>;
  /** What is going on right now. */
  stats(): Stats;
}

/** Room for a batch of 1000 at its longest. */
const READ_MAX_BYTES = 1024 * 1024;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
/** Milliseconds after which an open circuit no longer keeps calls away: one of them has to find out whether it can close. */
const READINESS_GRACE_MS = 5_000;

const CONSOLE = new URL("../console/dist/", import.meta.url);
const INSTRUMENTATION = "daxpay-refund-sync";
const REFLECTION = [ServerReflection.typeName, ServerReflectionAlpha.typeName];
/** Asked every few seconds, and refused as long as there is no readiness. */
const PROBES = ["/healthz", "/readyz"];
const BREAKER_OPEN = "DaxPay cannot be reached";
const peerKey = createContextKey<string | undefined>(undefined, {
  description: "Common name of the client certificate",
});

/** What the service takes from its surroundings. */
export interface Dependencies {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** Makes a fresh nonce of 32 characters. */
  readonly nonce: () => string;
  /** From 0 to below 1, for spreading waits. */
  readonly random: () => number;
}

const DEFAULTS: Dependencies = {
  fetch: (...request) => fetch(...request),
  clock: systemClock,
  nonce: () => randomBytes(16).toString("hex"),
  random: Math.random,
};

/** Starts the whole service. */
export async function createApp(config: Config, overrides: Partial<Dependencies> = {}): Promise<App> {
  const dependencies = { ...DEFAULTS, ...overrides };
  const now = () => dependencies.clock.now();
  const logger = getLogger(LOG_CATEGORY);
  const tracer = trace.getTracer(INSTRUMENTATION);
  const metricsRegistry = createMetrics(metrics.getMeter(INSTRUMENTATION));
  const readiness = createReadiness();
  const auth = loadAuthenticator(config, logger);
  const certificate = loadCertificate(config, logger, (renewed) => server.renew(renewed));

  const calls = createCalls({
    now,
    generateRequestId: randomUUID,
    authenticate: auth.authenticate,
    clientCertNameOf: ({ values }) => values.get(peerKey),
    open: [Health.typeName, ...(config.auth.openReflection ? REFLECTION : [])],
    observers: [
      createCallTrace(tracer),
      createCallMetrics(metricsRegistry),
      createCallLog(logger, [Health.typeName, ...REFLECTION]),
    ],
  });
  const observer = createTelemetryListener(logger, metricsRegistry);
  let cancelReadinessTimer = () => {};
  const refunds = createRefunds({
    daxpay: withTracing(
      createDaxPay(config.daxpay, { fetch: dependencies.fetch, now, nonce: dependencies.nonce }),
      tracer,
      config.daxpay.url,
    ),
    queryMode: "auto",
    settleTimeoutMs: 60_000,
    settleOnStart: false,
    rateLimit: config.budget,
    schedule: config.watch,
    clock: dependencies.clock,
    random: dependencies.random,
    onEvent(event) {
      observer(event);
      const call = calls.current();
      if (event.type === "retry" && call) call.retries++;
      if (event.type === "coalesced" && call) call.coalesced = true;
      if (event.type === "breaker") onBreaker(event.state === "open");
    },
  });
  observeGauges(metricsRegistry, refunds.stats, now);

  const stop = new AbortController();
  const cut = new AbortController();
  const plain = createTextRoutes({
    "/healthz": () => ({ status: 200, body: "ok\n" }),
    "/readyz": () =>
      readiness.ready()
        ? { status: 200, body: "ok\n" }
        : { status: 503, body: readiness.reasons().map((reason) => `${reason}\n`).join("") },
    "/metrics": requireAuth(auth.authenticate, async () => ({
      status: 200,
      body: await metricsRegistry.scrape(),
      headers: { "content-type": PROMETHEUS },
    })),
  });
  const rpc = connectNodeAdapter({
    routes(all) {
      const router = endStreamsOn(all, stop.signal);
      routeRefunds(router, refunds);
      routeTrackingDisabled(router);
      routeHealth(router, [RefundSyncService, RefundTrackingService], readiness);
      routeReflection(router, [RefundSyncService, RefundTrackingService, Health], ERROR_DETAILS);
    },
    requestGate: calls.gate,
    interceptors: [calls.interceptor],
    readMaxBytes: READ_MAX_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    // From then on no call is served; until then a unary one is, for its caller could not know that the service stops.
    shutdownSignal: cut.signal,
    contextValues: (request) =>
      createContextValues().set(peerKey, config.tls?.clientCaFile ? clientCertNameOf(request) : undefined),
    fallback: createStatic({ directory: CONSOLE, settings: consoleSettings, fallback: plain }),
  });
  const corsOptions = {
    origins: config.parseOrigins,
    allow: ["Authorization", "X-Request-Id", "Traceparent"],
    expose: ["WWW-Authenticate", "X-Request-Id"],
    // A stranger's page has no credentials to show, and no certificate for its name.
    anyName: Boolean(config.auth.tokensFile || config.auth.jwt || config.tls),
  };
  const logRefusal = createErrorResponseLog(logger, PROBES, now);
  const server = await listen({
    host: config.host,
    port: config.port,
    grpcPort: config.grpcPort,
    certificate: certificate.first,
    maxConnections: config.maxConnections,
    handler: withSecurityHeaders(withHostCheck(withCors(rpc, corsOptions)), config.tls !== undefined),
    // An RPC that was answered has its line.
    onRefusal: (refusal, response) => response?.hasHeader(REQUEST_ID) || logRefusal(refusal),
  });
  metricsRegistry.createObservableGauge("refundsync.connections", {
    unit: "{connection}",
    description: "Open connections",
  })
    .addCallback((result) => result.observe(server.connections()));
  metricsRegistry.createObservableGauge("process.memory.usage", {
    unit: "By",
    description: "Resident memory of the process",
  })
    .addCallback((result) => result.observe(process.memoryUsage().rss));

  const scheme = config.tls ? "https" : "http";
  const addresses = {
    http: `${scheme}://${hostPort(config.host, server.http.port)}`,
    grpc: `${scheme}://${hostPort(config.host, server.grpc.port)}`,
  };
  logger.info("Listening on {http} ({httpVersions}) and {grpc} (HTTP/2), asking DaxPay {release} at {url}", {
    ...addresses,
    httpVersions: config.tls ? "HTTP/1.1 and HTTP/2" : "HTTP/1.1",
    release: config.daxpay.release,
    url: config.daxpay.url.href,
  });
  if (config.daxpay.release === "documented") warnDocumented();

  return {
    addresses,
    stats: refunds.stats,
    async close() {
      logger.info("Stopping: calls may finish for {ms} ms", { ms: config.stopTimeoutMs });
      readiness.block("stopping");
      stop.abort(shuttingDownError());
      await server.close(config.stopTimeoutMs, () => cut.abort(shuttingDownError()));
      cancelReadinessTimer();
      auth.close();
      certificate.close();
      refunds.close();
      logger.info("Stopped");
    },
  };

  function consoleSettings() {
    return { grpcPort: server.grpc.port, watchWaitsMs: config.watch.waits };
  }

  function onBreaker(open: boolean): void {
    cancelReadinessTimer();
    if (!open) return readiness.unblock(BREAKER_OPEN);
    readiness.block(BREAKER_OPEN);
    cancelReadinessTimer = dependencies.clock.after(READINESS_GRACE_MS, () => readiness.unblock(BREAKER_OPEN));
  }

  function warnDocumented(): void {
    logger.warn(
      "DAXPAY_RELEASE is documented: no known DaxPay serves refunds at {path}. Set DAXPAY_RELEASE to the release that runs at {url}",
      { path: RELEASES.documented.path, url: config.daxpay.url.href },
    );
  }
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
