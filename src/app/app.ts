import { randomUUID } from "node:crypto";
import { getLogger } from "@logtape/logtape";
import { metrics as otelMetrics, trace } from "@opentelemetry/api";
import { loadCertificate } from "../auth/certificate.ts";
import { loadAuthenticator } from "../auth/load.ts";
import type { Config } from "../config/read.ts";
import { createErrorResponseLog } from "../http/error-log.ts";
import { listen } from "../http/listen.ts";
import { REQUEST_ID } from "../interceptors/call.ts";
import { createCallLog } from "../interceptors/log.ts";
import { createCallMetrics } from "../interceptors/metrics.ts";
import { createRevocation } from "../interceptors/revocation.ts";
import { createCallTrace } from "../interceptors/trace.ts";
import type { Stats } from "../refund/refunds.ts";
import { createReadiness } from "../service/readiness.ts";
import { observeProcess } from "../telemetry/gauges.ts";
import { LOG_CATEGORY } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { type AppAccounts, createAppAccounts } from "./accounts.ts";
import { type Addresses, addressesOf, announce, releasesOf } from "./announce.ts";
import { requireDaxPay, scheduleCheck } from "./check.ts";
import { connectionOptions } from "./connections.ts";
import { DEFAULTS, type Dependencies } from "./dependencies.ts";
import { createPages, PROBES, withHttpRules } from "./http.ts";
import { reloadAccounts } from "./reload.ts";
import { createRpcCalls, createRpcHandler, INFRASTRUCTURE, shutdownError } from "./rpc.ts";
import { explainStartError } from "./start-error.ts";
import { loadTracking } from "./load-tracking.ts";
import { NAME, VERSION } from "./version.ts";

/** A running service. */
export interface App {
  readonly addresses: Addresses;
  /** Stops accepting connections; unary calls get STOP_TIMEOUT_MS to finish, streams end as unavailable. */
  close(): Promise<void>;
  /** @internal */
  stats(): Stats;
}

/** Milliseconds at shutdown for syncs whose callers have left: one that is cut off would stay in doubt. */
const SYNC_DRAIN_MS = 1_000;

/** Starts the whole service. A failed start leaves nothing running; its error names the variable to change. */
export async function createApp(config: Config, overrides: Partial<Dependencies> = {}): Promise<App> {
  await using starting = new AsyncDisposableStack();
  const dependencies = { ...DEFAULTS, ...overrides };
  const elapsed = () => dependencies.clock.elapsed();
  const logger = getLogger(LOG_CATEGORY);
  const tracer = trace.getTracer(NAME);
  const build = { version: VERSION, deno: Deno.version.deno, release: releasesOf(config) };
  logger.info("Starting {service} {version} on Deno {deno} for DaxPay {release}", { service: NAME, ...build });

  const metrics = createMetrics(otelMetrics.getMeter(NAME));
  const readiness = createReadiness();
  const upstream = createReadiness();
  const clientCertificates = config.tls?.clientCaFile !== undefined;
  const { authenticate } = starting.use(
    loadAuthenticator({ auth: config.auth, clientCertificates, now: () => dependencies.clock.now(), logger }),
  );
  const revocation = starting.use(createRevocation(dependencies.clock));
  const certificate = config.tls && loadCertificate(config.tls, logger);
  const calls = createRpcCalls({
    elapsed,
    generateRequestId: randomUUID,
    authenticate,
    openReflection: config.auth.openReflection,
    accountNameOf: (account): string => accounts.nameOf(account),
    observers: [createCallTrace(tracer), createCallMetrics(metrics), createCallLog(logger, INFRASTRUCTURE)],
  });
  const tracking = await loadTracking({ config, dependencies, logger, meter: metrics, accounts: () => accounts });
  const accounts: AppAccounts = createAppAccounts({
    config,
    dependencies,
    calls,
    tracking,
    upstream,
    metrics,
    logger,
    tracer,
  });
  starting.defer(async () => {
    await accounts.drain(SYNC_DRAIN_MS);
    accounts.close();
    await tracking?.close();
  });
  await tracking?.start();

  await requireDaxPay({ config, dependencies, logger });
  const stop = new AbortController();
  const forceStop = new AbortController();
  const consoleSettings = () => ({ grpcPort: server.grpc.port, watchWaitsMs: config.watch.waits });
  const pages = createPages({ readiness, metrics, authenticate, consoleSettings });
  const rpc = createRpcHandler({
    calls,
    revocation,
    accounts,
    tracking,
    readiness,
    upstream,
    clientCertificates,
    stop: stop.signal,
    forceStop: forceStop.signal,
    fallback: tracking?.withNotices(pages) ?? pages,
  });
  const logErrorResponse = createErrorResponseLog(logger, PROBES, elapsed);
  const server = await listen({
    host: config.host,
    port: config.port,
    grpcPort: config.grpcPort,
    tls: certificate?.current,
    ...connectionOptions(config, dependencies, logger),
    handler: withHttpRules(rpc, config),
    // An RPC has its own log line.
    onErrorResponse: (error, response) => response?.hasHeader(REQUEST_ID) || logErrorResponse(error),
  }).catch((error) => {
    throw explainStartError(error, config);
  });
  starting.defer(() => server.close(config.stopTimeoutMs, () => forceStop.abort(shutdownError())));
  starting.defer(() => tracking?.stop());
  if (certificate) starting.use(certificate.watch(server.setTls));
  observeProcess(metrics, build, server.connections, dependencies.droppedLogLines);

  const addresses = addressesOf(config, server);
  announce(logger, config, addresses, tracking !== undefined);
  starting.defer(scheduleCheck({ config, dependencies, logger }, stop.signal));
  starting.use(reloadAccounts({ config, dependencies, accounts, logger }));
  const running = starting.move();
  return {
    addresses,
    stats: accounts.stats,
    async close() {
      logger.info("Stopping: calls in flight may take {ms} ms", { ms: config.stopTimeoutMs });
      readiness.block("stopping");
      stop.abort(shutdownError());
      await running.disposeAsync();
      logger.info("Stopped");
    },
  };
}
