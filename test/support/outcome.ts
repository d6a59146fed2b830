import { durationMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { Binding, type Refund, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  Delivery,
  FailureReason,
  Step,
  type SyncFailure,
  SyncFailureSchema,
} from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";

/** A state as its caller sees it, by the contract's names. */
export interface StateOutcome {
  readonly status: string;
  readonly daxpayStatus: string;
  readonly final: boolean;
  readonly binding: string;
}

/** A failure as its caller sees it, by the contract's names. */
export interface FailureOutcome {
  /** For example "not_found". */
  readonly code: string;
  readonly reason: string;
  readonly delivery: string;
  readonly step: string | undefined;
  readonly retryDelayMs: number | undefined;
}

export function stateOutcome({ status, daxpayStatus, final, binding }: Refund): StateOutcome {
  return { status: RefundStatus[status], daxpayStatus, final, binding: Binding[binding] };
}

export function failureOutcome({ code, reason, delivery, step, retryDelay }: SyncFailure): FailureOutcome {
  return {
    code: codeToString(code),
    reason: FailureReason[reason],
    delivery: Delivery[delivery],
    step: step === Step.UNSPECIFIED ? undefined : Step[step],
    retryDelayMs: retryDelay && durationMs(retryDelay),
  };
}

/** The failure that an error carries. Throws where the error breaks the contract. */
export function errorOutcome(thrown: unknown): FailureOutcome {
  const error = ConnectError.from(thrown);
  const [broken] = contractViolations(error);
  if (broken) throw new Error(`${error.message}: ${broken}`, { cause: error });
  return failureOutcome(error.findDetails(SyncFailureSchema)[0]);
}

/** The outcome of a unary call. */
export async function outcomeOf(call: Promise<{ readonly refund?: Refund }>): Promise<StateOutcome | FailureOutcome> {
  try {
    const { refund } = await call;
    if (!refund) throw new TypeError("Expected a refund in the response, got none");
    return stateOutcome(refund);
  } catch (error) {
    return errorOutcome(error);
  }
}

/** The outcome of one result of a batch or one attempt of a watch. */
export function resultOutcome(
  { outcome }: { readonly outcome: { readonly case?: string; readonly value?: Refund | SyncFailure } },
): StateOutcome | FailureOutcome {
  const { value } = outcome;
  if (!value) throw new TypeError("Expected an outcome, got none");
  return value.$typeName === "daxpay.refundsync.v1.Refund" ? stateOutcome(value) : failureOutcome(value);
}

/** The error of a call that is expected to fail. */
export async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  const result = await call.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("value" in result) throw new TypeError(`Expected an error, got ${Deno.inspect(result.value)}`);
  return ConnectError.from(result.error);
}

/** What an error lacks of the details that every error of the service's own has; empty where it lacks nothing. */
export function contractViolations(error: ConnectError): readonly string[] {
  const failures = error.findDetails(SyncFailureSchema);
  const infos = error.findDetails(ErrorInfoSchema);
  const retries = error.findDetails(RetryInfoSchema);
  if (failures.length !== 1) return [`expected one SyncFailure, got ${failures.length}`];
  if (infos.length !== 1) return [`expected one ErrorInfo, got ${infos.length}`];
  const [{ code, reason, delivery, retryable, retryDelay, daxpayCode }] = failures;
  const [{ reason: infoReason, domain, metadata }] = infos;
  const expectations: readonly (readonly [what: string, actual: unknown, expected: unknown])[] = [
    ["SyncFailure.code", code, error.code],
    ["ErrorInfo.reason", infoReason, FailureReason[reason]],
    ["ErrorInfo.domain", domain, "daxpay.refundsync.v1"],
    ["ErrorInfo.metadata.delivery", metadata.delivery, Delivery[delivery]],
    ["ErrorInfo.metadata.daxpay_code", metadata.daxpay_code, daxpayCode === undefined ? undefined : String(daxpayCode)],
    ["SyncFailure.retryable", retryable, retryDelay !== undefined],
    ["number of RetryInfos", retries.length, retryable ? 1 : 0],
    ["RetryInfo.retry_delay", delayOf(retries[0]), delayOf({ retryDelay })],
  ];
  return expectations.filter(([, actual, expected]) => actual !== expected)
    .map(([what, actual, expected]) => `expected ${what} ${expected}, got ${actual}`);
}

function delayOf(message: Pick<SyncFailure, "retryDelay"> | undefined): number | undefined {
  return message?.retryDelay && durationMs(message.retryDelay);
}
