import { randomBytes } from "node:crypto";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createValidateInterceptor } from "@connectrpc/validate";
import { getLogger } from "@logtape/logtape";
import { metrics } from "@opentelemetry/api";
import type { Config } from "./config.ts";
import { createDaxPay } from "./daxpay/client.ts";
import { RELEASES } from "./daxpay/release.ts";
import { RefundSyncService } from "./gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RetryInfoSchema } from "./gen/google/rpc/error_details_pb.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { listen } from "./http/listen.ts";
import { createPlain } from "./http/plain.ts";
import { createLogInterceptor } from "./intercept/log.ts";
import { LOG_CATEGORY } from "./log.ts";
import { createObserver, observeGauges } from "./observe.ts";
import { type Clock, systemClock } from "./refund/clock.ts";
import { createRefunds } from "./refund/refunds.ts";
import { routeHealth } from "./service/health.ts";
import { routeReflection } from "./service/reflection.ts";
import { routeRefunds } from "./service/refund.ts";
import { createReadiness } from "./service/readiness.ts";

/** A running service. */
export interface App {
  /** Base addresses: HTTP/1.1 and cleartext HTTP/2. */
  readonly addresses: { readonly http: string; readonly grpc: string };
  /** Stops: no new calls, those in flight finish for at most 10 s, streams end as unavailable. */
  close(): Promise<void>;
}

/** Room for a batch of 1000 at its longest. */
const READ_MAX_BYTES = 1024 * 1024;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
const STOP_TIMEOUT_MS = 10_000;

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
  const meter = metrics.getMeter("daxpay-refund-sync");
  const refunds = createRefunds({
    daxpay: createDaxPay(config.daxpay, { fetch: world.fetch, now, nonce: world.nonce }),
    budget: config.budget,
    schedule: config.watch,
    clock: world.clock,
    random: world.random,
    on: createObserver(logger, meter),
  });
  observeGauges(meter, refunds.gauges, now);
  const readiness = createReadiness();
  const stop = new AbortController();

  const handler = connectNodeAdapter({
    routes(router) {
      routeRefunds(router, refunds);
      routeHealth(router, [RefundSyncService], readiness);
      routeReflection(router, [RefundSyncService, Health]);
    },
    interceptors: [createLogInterceptor(logger, now), createValidateInterceptor()],
    readMaxBytes: READ_MAX_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    shutdownSignal: stop.signal,
    fallback: createPlain({ "/healthz": () => ({ status: 200, body: "ok\n" }) }),
  });
  const listening = await listen({ host: config.host, port: config.port, grpcPort: config.grpcPort, handler });
  const addresses = {
    http: `http://${hostPort(config.host, listening.http.port)}`,
    grpc: `http://${hostPort(config.host, listening.grpc.port)}`,
  };
  logger.info("Listening on {http} (HTTP/1.1) and {grpc} (HTTP/2), asking DaxPay {release} at {url}", {
    ...addresses,
    release: config.daxpay.release,
    url: config.daxpay.url.href,
  });
  if (config.daxpay.release === "documented") warnDocumented();

  return {
    addresses,
    async close() {
      readiness.set(false);
      stop.abort(stopping());
      await listening.close(STOP_TIMEOUT_MS);
      refunds.close();
    },
  };

  function warnDocumented(): void {
    logger.warn(
      "DAXPAY_RELEASE is documented: no known DaxPay serves refunds at {path}. Set DAXPAY_RELEASE to the release that runs at {url}",
      { path: RELEASES.documented.path, url: config.daxpay.url.href },
    );
  }
}

/** What streams end with when the service stops: another replica takes the call at once. */
function stopping(): ConnectError {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(1000) } };
  return new ConnectError("The service is stopping", Code.Unavailable, undefined, [retry]);
}

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
