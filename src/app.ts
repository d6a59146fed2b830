import { randomBytes, randomUUID } from "node:crypto";
import process from "node:process";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createValidateInterceptor } from "@connectrpc/validate";
import { getLogger } from "@logtape/logtape";
import { metrics, trace } from "@opentelemetry/api";
import type { Config } from "./config.ts";
import { createDaxPay } from "./daxpay/client.ts";
import { RELEASES } from "./daxpay/release.ts";
import { RefundSyncService } from "./gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RetryInfoSchema } from "./gen/google/rpc/error_details_pb.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { addressed } from "./http/authority.ts";
import { withCors } from "./http/cors.ts";
import { secured } from "./http/header.ts";
import { listen } from "./http/listen.ts";
import { createPlain } from "./http/plain.ts";
import { createRefusalLog } from "./http/refusal.ts";
import { createStatic } from "./http/static.ts";
import { peerOf } from "./http/tls.ts";
import { createCalls, REQUEST_ID } from "./intercept/call.ts";
import { createCallLog } from "./intercept/log.ts";
import { createCallMetrics } from "./intercept/metrics.ts";
import { withStop } from "./intercept/stop.ts";
import { createCallTrace } from "./intercept/trace.ts";
import { LOG_CATEGORY } from "./log.ts";
import { createNumbers, PROMETHEUS } from "./meter.ts";
import { createObserver, observeGauges, traced } from "./observe.ts";
import { type Clock, systemClock } from "./refund/clock.ts";
import { createRefunds, type Gauges } from "./refund/refunds.ts";
import { routeHealth } from "./service/health.ts";
import { routeReflection } from "./service/reflection.ts";
import { routeRefunds } from "./service/refund.ts";
import { createReadiness } from "./service/readiness.ts";
import { createRuleValidator } from "./service/validate.ts";
import { guarded, openAuth, openCertificate } from "./access.ts";

/** A running service. */
export interface App {
  /** Base addresses: HTTP/1.1 and cleartext HTTP/2. */
  readonly addresses: { readonly http: string; readonly grpc: string };
  /** Stops: no new connections, unary calls finish for at most STOP_TIMEOUT_MS, streams end as unavailable. */
  close(): Promise<void>;
  /** What is going on right now. */
  gauges(): Gauges;
}

/** Room for a batch of 1000 at its longest. */
const READ_MAX_BYTES = 1024 * 1024;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
/** Milliseconds after which an open circuit no longer keeps calls away: one of them has to find out whether it can close. */
const BREAKER_PATIENCE_MS = 5_000;

const CONSOLE = new URL("./console/dist/", import.meta.url);
const INSTRUMENTATION = "daxpay-refund-sync";
const REFLECTION = [ServerReflection.typeName, ServerReflectionAlpha.typeName];
/** Asked every few seconds, and refused as long as there is no readiness. */
const PROBES = ["/healthz", "/readyz"];
const BREAKER_OPEN = "DaxPay cannot be reached";
const peerKey = createContextKey<string | undefined>(undefined, {
  description: "Common name of the client certificate",
});

/** What the service takes from its surroundings. */
export interface World {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** Makes a fresh nonce of 32 characters. */
  readonly nonce: () => string;
  /** From 0 to below 1, for spreading waits. */
  readonly random: () => number;
}

const SYSTEM: World = {
  fetch: (...request) => fetch(...request),
  clock: systemClock,
  nonce: () => randomBytes(16).toString("hex"),
  random: Math.random,
};

/** Starts the whole service. */
export async function createApp(config: Config, given: Partial<World> = {}): Promise<App> {
  const world = { ...SYSTEM, ...given };
  const now = () => world.clock.now();
  const logger = getLogger(LOG_CATEGORY);
  const tracer = trace.getTracer(INSTRUMENTATION);
  const numbers = createNumbers(metrics.getMeter(INSTRUMENTATION));
  const readiness = createReadiness();
  const auth = openAuth(config, logger);
  const certificate = openCertificate(config, logger, (renewed) => listening.renew(renewed));

  const calls = createCalls({
    now,
    newId: randomUUID,
    authenticate: auth.authenticate,
    peerOf: ({ values }) => values.get(peerKey),
    open: [Health.typeName, ...(config.auth.openReflection ? REFLECTION : [])],
    observers: [
      createCallTrace(tracer),
      createCallMetrics(numbers),
      createCallLog(logger, [Health.typeName, ...REFLECTION]),
    ],
  });
  const observer = createObserver(logger, numbers);
  let endPatience = () => {};
  const refunds = createRefunds({
    daxpay: traced(
      createDaxPay(config.daxpay, { fetch: world.fetch, now, nonce: world.nonce }),
      tracer,
      config.daxpay.url,
    ),
    budget: config.budget,
    schedule: config.watch,
    clock: world.clock,
    random: world.random,
    on(event) {
      observer(event);
      const call = calls.current();
      if (event.type === "repeated" && call) call.repeats++;
      if (event.type === "shared" && call) call.shared = true;
      if (event.type === "breaker") onBreaker(event.state === "open");
    },
  });
  observeGauges(numbers, refunds.gauges, now);

  const stop = new AbortController();
  const cut = new AbortController();
  const plain = createPlain({
    "/healthz": () => ({ status: 200, body: "ok\n" }),
    "/readyz": () =>
      readiness.ready()
        ? { status: 200, body: "ok\n" }
        : { status: 503, body: readiness.reasons().map((reason) => `${reason}\n`).join("") },
    "/metrics": guarded(auth.authenticate, async () => ({
      status: 200,
      body: await numbers.scrape(),
      headers: { "content-type": PROMETHEUS },
    })),
  });
  const validator = createRuleValidator();
  const rpc = connectNodeAdapter({
    routes(all) {
      const router = withStop(all, stop.signal);
      routeRefunds(router, refunds, validator);
      routeHealth(router, [RefundSyncService], readiness);
      routeReflection(router, [RefundSyncService, Health]);
    },
    requestGate: calls.gate,
    interceptors: [calls.interceptor, createValidateInterceptor({ validator })],
    readMaxBytes: READ_MAX_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    // From then on no call is served; until then a unary one is, for its caller could not know that the service stops.
    shutdownSignal: cut.signal,
    contextValues: (request) =>
      createContextValues().set(peerKey, config.tls?.clientCaFile ? peerOf(request) : undefined),
    fallback: createStatic({ directory: CONSOLE, settings: consoleSettings, fallback: plain }),
  });
  const corsOptions = {
    origins: config.origins,
    allow: ["Authorization", "X-Request-Id", "Traceparent"],
    expose: ["WWW-Authenticate", "X-Request-Id"],
    // A stranger's page has no credentials to show, and no certificate for its name.
    anyName: Boolean(config.auth.tokensFile || config.auth.jwt || config.tls),
  };
  const logRefusal = createRefusalLog(logger, PROBES, now);
  const listening = await listen({
    host: config.host,
    port: config.port,
    grpcPort: config.grpcPort,
    certificate: certificate.first,
    maxConnections: config.maxConnections,
    handler: secured(addressed(withCors(rpc, corsOptions)), config.tls !== undefined),
    // An RPC that was answered has its line.
    onRefusal: (refusal, response) => response?.hasHeader(REQUEST_ID) || logRefusal(refusal),
  });
  numbers.createObservableGauge("refundsync.connections", { unit: "{connection}", description: "Open connections" })
    .addCallback((result) => result.observe(listening.connections()));
  numbers.createObservableGauge("process.memory.usage", { unit: "By", description: "Resident memory of the process" })
    .addCallback((result) => result.observe(process.memoryUsage().rss));

  const scheme = config.tls ? "https" : "http";
  const addresses = {
    http: `${scheme}://${hostPort(config.host, listening.http.port)}`,
    grpc: `${scheme}://${hostPort(config.host, listening.grpc.port)}`,
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
    gauges: refunds.gauges,
    async close() {
      logger.info("Stopping: calls may finish for {ms} ms", { ms: config.stopTimeoutMs });
      readiness.block("stopping");
      stop.abort(stopping());
      await listening.close(config.stopTimeoutMs, () => cut.abort(stopping()));
      endPatience();
      auth.close();
      certificate.close();
      refunds.close();
      logger.info("Stopped");
    },
  };

  function consoleSettings() {
    return { grpcPort: listening.grpc.port, watchWaitsMs: config.watch.waits };
  }

  function onBreaker(open: boolean): void {
    endPatience();
    if (!open) return readiness.unblock(BREAKER_OPEN);
    readiness.block(BREAKER_OPEN);
    endPatience = world.clock.after(BREAKER_PATIENCE_MS, () => readiness.unblock(BREAKER_OPEN));
  }

  function warnDocumented(): void {
    logger.warn(
      "DAXPAY_RELEASE is documented: no known DaxPay serves refunds at {path}. Set DAXPAY_RELEASE to the release that runs at {url}",
      { path: RELEASES.documented.path, url: config.daxpay.url.href },
    );
  }
}

/** What calls end with when the service stops: another replica takes them at once. */
function stopping(): ConnectError {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(1000) } };
  return new ConnectError("The service is stopping", Code.Unavailable, undefined, [retry]);
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
