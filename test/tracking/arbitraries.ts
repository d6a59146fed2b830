import fc from "fast-check";
import type { Evidence } from "../../src/daxpay/evidence.ts";
import { REASONS } from "../../src/daxpay/failure.ts";
import type { RefundState } from "../../src/refund/state.ts";
import type { Contradiction, StoredFailure } from "../../src/tracking/tracking.ts";

/** Any UTF-16, halves of surrogate pairs and U+0000 included, both of which DaxPay's JSON can contain. */
export const anyText = fc.oneof(
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
  fc.constantFrom("\0", "\ud800", "a\0b\udfff"),
);
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });

export const states: fc.Arbitrary<RefundState> = fc.record({
  refundNo: anyText,
  bizRefundNo: anyText,
  status: fc.constantFrom("IN_PROGRESS", "SUCCEEDED", "FAILED", "CLOSED", "NOT_FOUND_AT_CHANNEL", "UNKNOWN"),
  daxpayStatus: anyText,
  repliedAt: time,
  daxpayTraceId: anyText,
  final: fc.boolean(),
  nextSyncDelayMs: optional(fc.nat()),
  binding: fc.constantFrom("SECRET_ONLY", "REFUND", "REQUEST"),
  orderNo: optional(anyText),
  channel: optional(anyText),
  amountFen: optional(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  finishedAt: optional(time),
  errorMessage: optional(anyText),
  unchangedSince: optional(time),
});

export const failures: fc.Arbitrary<StoredFailure> = fc.record({
  reason: fc.constantFrom(...Object.keys(REASONS) as (keyof typeof REASONS)[]),
  message: anyText,
  delivery: fc.constantFrom("NOT_SENT", "IN_DOUBT", "ANSWERED"),
  step: fc.constantFrom("QUERY", "SYNC", "CONFIRM", undefined),
  retryDelayMs: optional(fc.nat()),
  daxpayCode: optional(fc.integer()),
  daxpayMessage: optional(anyText),
  daxpayTraceId: optional(anyText),
});

export const evidences: fc.Arbitrary<Evidence> = fc.record({
  requestedAt: time,
  repliedAt: time,
  body: fc.uint8Array({ maxLength: 100 }),
  signature: anyText,
  algorithm: anyText,
  fingerprint: anyText,
  release: anyText,
});

export const contradictions: fc.Arbitrary<Contradiction> = fc.record({
  previous: states,
  observedAt: time,
  note: optional(anyText),
  acknowledgedBy: optional(anyText),
  acknowledgedAt: optional(time),
});
