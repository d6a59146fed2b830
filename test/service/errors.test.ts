import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { DaxPayFailure, REASONS } from "../../src/daxpay/failure.ts";
import { FailureReason, SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { BadRequestSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import {
  completeError,
  connectErrorFrom,
  invalidRequestError,
  shuttingDownError,
  trackingDisabledError,
  truncate,
} from "../../src/service/errors.ts";
import { contractViolations, errorOutcome } from "../support/outcome.ts";

/** As a caller receives it. */
function received(error: ConnectError): ConnectError {
  expect(contractViolations(error)).toEqual([]);
  return error;
}

describe("connectErrorFrom()", () => {
  test.each(Object.keys(REASONS) as (keyof typeof REASONS)[])("gives %s all details of the contract", (reason) => {
    const numbers = { refundNo: "R1", bizRefundNo: "B1" };
    const failure = new DaxPayFailure(reason, "x", { daxpayCode: 7, step: "SYNC" });
    expect(errorOutcome(received(connectErrorFrom(failure, numbers)))).toMatchObject({
      reason,
      delivery: failure.delivery,
      step: "SYNC",
      retryDelayMs: failure.retryDelayMs,
    });
  });

  test("never rounds a retry delay down", () => {
    const failure = new DaxPayFailure("CIRCUIT_OPEN", "x", { retryDelayMs: 1_000.2 });
    expect(errorOutcome(connectErrorFrom(failure))).toMatchObject({ retryDelayMs: 1_001 });
  });

  test("keeps the failure as the cause, for the log", () => {
    const failure = new DaxPayFailure("UPSTREAM_ERROR", "x", { logDetail: "SQL" });
    expect(connectErrorFrom(failure).cause).toBe(failure);
    expect(Deno.inspect(connectErrorFrom(failure).details, { depth: 20 })).not.toContain("SQL");
  });
});

test("invalidRequestError() names every violation in the message and in a BadRequest", () => {
  const violations = [{ field: "refund_no", description: "expected x" }, { field: "", description: "expected y" }];
  const error = received(invalidRequestError(violations));
  expect(error.rawMessage).toBe("refund_no: expected x; expected y");
  expect(error.findDetails(BadRequestSchema)).toMatchObject([{ fieldViolations: violations }]);
});

test.each([
  ["shuttingDownError", shuttingDownError(), { code: "unavailable", reason: "SHUTTING_DOWN", retryDelayMs: 1_000 }],
  ["trackingDisabledError", trackingDisabledError(), { code: "failed_precondition", reason: "TRACKING_DISABLED" }],
])("%s() has all details of the contract", (_name, error, expected) => {
  expect(errorOutcome(received(error))).toMatchObject({ delivery: "NOT_SENT", step: undefined, ...expected });
});

describe("completeError()", () => {
  test.each([
    [Code.InvalidArgument, "x", "INVALID_REQUEST", undefined],
    [Code.Unimplemented, "x", "INVALID_REQUEST", undefined],
    [Code.ResourceExhausted, "x", "INVALID_REQUEST", undefined],
    [Code.Unauthenticated, "x", "UNAUTHENTICATED", undefined],
    [Code.PermissionDenied, "x", "PERMISSION_DENIED", undefined],
    [Code.DeadlineExceeded, "x", "DEADLINE_EXCEEDED", 1_000],
    [Code.Unavailable, "x", "UNAUTHENTICATED", 1_000],
    [Code.Internal, "internal error", "INTERNAL", undefined],
    [Code.Internal, "parse binary: premature EOF", "INVALID_REQUEST", undefined],
    [Code.DataLoss, "x", "INTERNAL", undefined],
  ])("adds to code %d with message %s the reason %s", (code, message, reason, retryDelayMs) => {
    const error = received(completeError(new ConnectError(message, code)));
    expect(error).toMatchObject({ code, rawMessage: message });
    expect(errorOutcome(error)).toMatchObject({ reason, delivery: "NOT_SENT", step: undefined, retryDelayMs });
  });

  test("leaves an error that has a SyncFailure as it is, sent or received", () => {
    const error = connectErrorFrom(new DaxPayFailure("CHANNEL_FAILED", "x"));
    const { details } = error;
    completeError(error);
    expect(error.details).toHaveLength(details.length);
    const [detail] = details;
    const incoming = new ConnectError("x", Code.Unavailable);
    incoming.details = [{ type: SyncFailureSchema.typeName, value: new Uint8Array() }];
    expect(completeError(incoming).details).toHaveLength(1);
    expect(detail).toMatchObject({ value: { reason: FailureReason.CHANNEL_FAILED } });
  });

  test("leaves the error of a canceled call as it is", () => {
    expect(completeError(new ConnectError("x", Code.Canceled)).details).toEqual([]);
  });
});

describe("truncate()", () => {
  test.each([
    ["keeps 500 characters", "退".repeat(500), "退".repeat(500)],
    ["cuts the 501st", "a".repeat(501), "a".repeat(500)],
    ["counts surrogate pairs as one character", "💴".repeat(501), "💴".repeat(500)],
    ["replaces half of a surrogate pair", "a\ud83d", "a\ufffd"],
  ])("%s", (_what, text, expected) => {
    expect(truncate(text)).toBe(expected);
  });
});
