import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createValidateInterceptor } from "@connectrpc/validate";
import { clientCertNameOf } from "../auth/certificate.ts";
import type { Authenticate } from "../auth/authenticate.ts";
import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { Handler } from "../http/handler.ts";
import { type CallObserver, type Calls, createCalls } from "../interceptors/call.ts";
import { endStreamsOn } from "../interceptors/shutdown.ts";
import type { Refunds } from "../refund/refunds.ts";
import { failureLabels } from "../service/failure-labels.ts";
import { routeHealth } from "../service/health.ts";
import { logFieldsOf } from "../service/log-fields.ts";
import type { Readiness } from "../service/readiness.ts";
import { routeReflection } from "../service/reflection.ts";
import { routeRefunds } from "../service/refund.ts";
import { createRuleValidator } from "../service/validate.ts";
import { Shutdown } from "../util/shutdown.ts";

/** Fits a batch of 1000 with the longest numbers. */
const READ_MAX_BYTES = 1024 * 1024;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
const REFLECTION = [ServerReflection.typeName, ServerReflectionAlpha.typeName];
/** Successful calls of these are logged at level debug. */
export const INFRASTRUCTURE = [Health.typeName, ...REFLECTION];

const clientCertKey = createContextKey<string | undefined>(undefined, {
  description: "Common name of the client certificate",
});

export interface RpcCallsOptions {
  readonly now: () => number;
  readonly generateRequestId: () => string;
  readonly authenticate: Authenticate;
  readonly openReflection: boolean;
  readonly observers: readonly CallObserver[];
}

/** Follows the RPCs of this service. */
export function createRpcCalls({ openReflection, ...options }: RpcCallsOptions): Calls {
  return createCalls({
    ...options,
    clientCertNameOf: ({ values }) => values.get(clientCertKey),
    open: [Health.typeName, ...(openReflection ? REFLECTION : [])],
    logFieldsOf,
    failureLabels,
  });
}

export interface RpcHandlerOptions {
  readonly calls: Calls;
  readonly refunds: Refunds;
  readonly readiness: Readiness;
  /** Health of DaxPay, as the service "daxpay". */
  readonly upstream: Readiness;
  /** Whether client certificates name callers. */
  readonly clientCertificates: boolean;
  /** Ends streams. */
  readonly stop: AbortSignal;
  /** Ends and rejects all calls. */
  readonly forceStop: AbortSignal;
  /** Handles everything that is no RPC. */
  readonly fallback: Handler;
}

/** Serves all RPCs over Connect, gRPC and gRPC-Web. */
export function createRpcHandler(options: RpcHandlerOptions): Handler {
  const { calls, refunds, readiness, upstream, clientCertificates } = options;
  const validator = createRuleValidator();
  return connectNodeAdapter({
    routes(all) {
      const router = endStreamsOn(all, options.stop);
      routeRefunds(router, refunds, validator);
      routeHealth(router, { "": readiness, [RefundSyncService.typeName]: readiness, daxpay: upstream });
      routeReflection(router, [RefundSyncService, Health]);
    },
    requestGate: calls.gate,
    interceptors: [calls.interceptor, createValidateInterceptor({ validator })],
    readMaxBytes: READ_MAX_BYTES,
    maxTimeoutMs: MAX_TIMEOUT_MS,
    // Not `stop`: until then unary calls are served, since their callers cannot know that the service stops.
    shutdownSignal: options.forceStop,
    contextValues: (request) =>
      createContextValues().set(clientCertKey, clientCertificates ? clientCertNameOf(request) : undefined),
    fallback: options.fallback,
  });
}

/** Ends calls when the service stops: another replica can take them immediately. */
export function shutdownError(): ConnectError {
  const retry = { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(1000) } };
  return new ConnectError("The service is shutting down", Code.Unavailable, undefined, [retry], new Shutdown());
}
