import type { Attributes, Meter } from "@opentelemetry/api";
import {
  ATTR_ERROR_TYPE,
  ATTR_RPC_METHOD,
  ATTR_RPC_SYSTEM_NAME,
  METRIC_RPC_SERVER_CALL_DURATION,
} from "@opentelemetry/semantic-conventions";
import { FailureReason, SyncFailureSchema } from "../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Call, CallObserver, CallResult } from "./call.ts";

/** The conventions' own, which their package still lists among the unstable ones. */
const ATTR_RPC_RESPONSE_STATUS_CODE = "rpc.response.status_code";
/** Seconds, as the semantic conventions for RPC advise. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60];

/** Counts and times RPCs by method and code, as the semantic conventions for RPC have it. */
export function createCallMetrics(meter: Pick<Meter, "createHistogram">): CallObserver {
  const durations = meter.createHistogram(METRIC_RPC_SERVER_CALL_DURATION, {
    unit: "s",
    description: "Time from an RPC's headers to its end",
    advice: { explicitBucketBoundaries: BUCKETS },
  });
  return { onEnd: (call, ending) => durations.record(ending.ms / 1000, rpcAttributes(call, ending)) };
}

function rpcAttributes(call: Call, ending: CallResult): Attributes {
  return { ...methodAttributes(call), ...endingAttributes(call, ending) };
}

export function endingAttributes(call: Call, { code, error }: CallResult): Attributes {
  const attributes: Attributes = {
    [ATTR_RPC_RESPONSE_STATUS_CODE]: call.protocol === "connect" ? code : grpcName(code),
  };
  if (error) {
    const failure = error.findDetails(SyncFailureSchema)[0];
    attributes[ATTR_ERROR_TYPE] = failure ? FailureReason[failure.reason] : code;
  }
  return attributes;
}

export function methodAttributes(call: Call): Attributes {
  return {
    [ATTR_RPC_SYSTEM_NAME]: call.protocol === "connect" ? "connectrpc" : "grpc",
    [ATTR_RPC_METHOD]: `${call.service}/${call.method}`,
  };
}

/** gRPC spells one of the codes in its own way. */
function grpcName(code: string): string {
  return code === "canceled" ? "CANCELLED" : code.toUpperCase();
}
