import { type ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { clientCertNameOf } from "../auth/certificate.ts";
import type { Authenticate } from "../auth/authenticate.ts";
import { identityKey } from "../auth/identity.ts";
import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService } from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { Handler } from "../http/handler.ts";
import { type CallObserver, type Calls, createCalls } from "../interceptors/call.ts";
import type { Revocation } from "../interceptors/revocation.ts";
import { endStreamsOn } from "../interceptors/shutdown.ts";
import { type AccountDirectory, type AllowedAccounts, createSelectAccount } from "../service/accounts.ts";
import { completeError, ERROR_DETAILS, shuttingDownError } from "../service/errors.ts";
import { failureLabels } from "../service/failure-labels.ts";
import { routeHealth } from "../service/health.ts";
import { logFieldsOf } from "../service/log-fields.ts";
import type { Readiness } from "../service/readiness.ts";
import { routeReflection } from "../service/reflection.ts";
import { routeRefunds } from "../service/refund.ts";
import { routeTracking } from "../service/tracking.ts";
import type { Tracking } from "../tracking/tracking.ts";
import { Shutdown } from "../util/shutdown.ts";

/** Fits a batch of 1000 with the longest numbers. */
const READ_MAX_BYTES = 1024 * 1024;
const MAX_TIMEOUT_MS = 24 * 3600 * 1000;
/** Their errors all carry a SyncFailure. */
const DAXPAY_SERVICES: readonly string[] = [RefundSyncService.typeName, RefundTrackingService.typeName];
const REFLECTION = [ServerReflection.typeName, ServerReflectionAlpha.typeName];
/** Successful calls of these are logged at level debug. */
export const INFRASTRUCTURE = [Health.typeName, ...REFLECTION];

const clientCertKey = createContextKey<string | undefined>(undefined, {
  description: "Common name of the client certificate",
});

export interface RpcCallsOptions {
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  readonly generateRequestId: () => string;
  readonly authenticate: Authenticate;
  readonly openReflection: boolean;
  /** See AccountDirectory.nameOf. */
  readonly accountNameOf: (account: string) => string;
  readonly observers: readonly CallObserver[];
}

/** Follows the RPCs of this service. */
export function createRpcCalls({ openReflection, accountNameOf, ...options }: RpcCallsOptions): Calls {
  return createCalls({
    ...options,
    clientCertNameOf: ({ values }) => values.get(clientCertKey),
    open: [Health.typeName, ...(openReflection ? REFLECTION : [])],
    logFieldsOf: (fields) => logFieldsOf(fields, (account) => accountNameOf(account)),
    failureLabels,
    completeError: (service, error) => DAXPAY_SERVICES.includes(service) ? completeError(error) : error,
  });
}

export interface RpcHandlerOptions {
  readonly calls: Calls;
  readonly revocation: Revocation;
  readonly accounts: AccountDirectory;
  /** Undefined without a database. */
  readonly tracking: Tracking | undefined;
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
  const { calls, revocation, accounts, tracking, readiness, upstream, clientCertificates } = options;
  const allowedAccounts: AllowedAccounts = ({ values }) => values.get(identityKey)?.accounts;
  const select = createSelectAccount(accounts, allowedAccounts);
  return connectNodeAdapter({
    routes(all) {
      const router = endStreamsOn(all, options.stop);
      routeRefunds(router, select);
      routeTracking(router, select, {
        tracking,
        allowedAccounts,
        callerNameOf: ({ values }) => values.get(identityKey)?.name ?? "",
      });
      routeHealth(router, {
        "": readiness,
        [RefundSyncService.typeName]: readiness,
        [RefundTrackingService.typeName]: readiness,
        daxpay: upstream,
      });
      routeReflection(router, [RefundSyncService, RefundTrackingService, Health], ERROR_DETAILS);
    },
    requestGate: calls.gate,
    interceptors: [calls.interceptor, revocation.interceptor],
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
  return shuttingDownError(new Shutdown());
}
