import type { Attributes, Meter } from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_SYSTEM_NAME,
  METRIC_RPC_SERVER_CALL_DURATION,
} from "@opentelemetry/semantic-conventions";
import type { Call, CallObserver, CallResult } from "./call.ts";

/** Of the conventions, but still among their package's unstable exports. */
const ATTR_RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code";
/** Seconds, as the semantic conventions for RPC advise. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60];

/** Records the duration of RPCs by method and code, as the semantic conventions for RPC define it. */
export function createCallMetrics(meter: Pick<Meter, "createHistogram">): CallObserver {
  const durations = meter.createHistogram(METRIC_RPC_SERVER_CALL_DURATION, {
    unit: "s",
    description: "Duration of RPCs by method, status code and error type",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  return {
    onEnd: (call, result) =>
      durations.record(result.ms / 1000, { ...methodAttributes(call), ...resultAttributes(call, result) }),
  };
}

export function methodAttributes(call: Call): Attributes {
  return {
    [ATTR_RPC_SYSTEM_NAME]: call.protocol === "connect" ? "connectrpc" : "grpc",
    [ATTR_RPC_METHOD]: `${call.service}/${call.method}`,
  };
}

export function resultAttributes(call: Call, { code, error, failure }: CallResult): Attributes {
  const status = { [ATTR_RPC_RESPONSE_STATUS_CODE]: call.protocol === "connect" ? code : grpcName(code) };
  return error ? { ...status, [ATTR_ERROR_TYPE]: failure?.reason ?? code } : status;
}

/** gRPC spells one of the codes differently. */
function grpcName(code: string): string {
  return code === "canceled" ? "CANCELLED" : code.toUpperCase();
}
