import { create, type MessageInitShape, toJsonString } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Evidence } from "../daxpay/evidence.ts";
import { type Refund, RefundSchema, RefundStatus } from "../gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  ContradictionSchema,
  EvidenceSchema,
  type RefundEvent,
  RefundEventKind,
  RefundEventSchema,
  type StreamRefundEventsResponse,
  StreamRefundEventsResponseSchema,
  type TrackedRefund as TrackedRefundMessage,
  TrackedRefundSchema,
  TrackingState,
  type TrackRefundRequest,
  type TrackRefundResult,
  TrackRefundResultSchema,
} from "../gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import type { RefundState } from "../refund/state.ts";
import {
  type Contradiction,
  type StreamedEvent,
  type TrackedRefund,
  TrackingError,
  type TrackingEvent,
  type TrackRequest,
  type TrackResult,
} from "../tracking/tracking.ts";
import { messageFromState } from "./convert.ts";
import { type FailureFields, messageFromFailure, trackingFailureFields } from "./errors.ts";

export function trackRequestFrom(message: TrackRefundRequest, account: string): TrackRequest {
  const { refundNo, bizRefundNo, clientIp, labels, expireAfter } = message;
  return {
    account,
    refund: { refundNo, bizRefundNo, clientIp, nonceStr: "" },
    labels,
    // Not durationMs(), which rounds a short one to 0.
    expireAfterMs: expireAfter && 1_000 * Number(expireAfter.seconds) + Math.ceil(expireAfter.nanos / 1_000_000),
  };
}

export function messageFromTracked(tracked: TrackedRefund): TrackedRefundMessage {
  const init: MessageInitShape<typeof TrackedRefundSchema> = {
    refund: refundFrom(tracked),
    trackingState: TrackingState[tracked.trackingState],
    labels: { ...tracked.labels },
    trackTime: timestampFromMs(tracked.trackedAt),
    trackedBy: tracked.trackedBy,
    expireTime: timestampFromMs(tracked.expiresAt),
    attempts: BigInt(tracked.attempts),
  };
  if (tracked.nextAttemptAt !== undefined) init.nextAttemptTime = timestampFromMs(tracked.nextAttemptAt);
  if (tracked.lastAttemptAt !== undefined) init.lastAttemptTime = timestampFromMs(tracked.lastAttemptAt);
  if (tracked.lastFailure) init.lastFailure = messageFromFailure(tracked.lastFailure);
  if (tracked.contradiction) init.contradiction = contradictionFrom(tracked.contradiction, tracked.account);
  return create(TrackedRefundSchema, init);
}

/** One result of a batch. */
export function messageFromTrackResult(result: TrackResult | TrackingError): TrackRefundResult {
  return result instanceof TrackingError
    ? messageFromTrackFailure(trackingFailureFields(result))
    : create(TrackRefundResultSchema, {
      outcome: { case: "trackedRefund", value: messageFromTracked(result.trackedRefund) },
    });
}

export function messageFromTrackFailure(failure: FailureFields): TrackRefundResult {
  return create(TrackRefundResultSchema, { outcome: { case: "failure", value: messageFromFailure(failure) } });
}

export function messageFromEvent(event: TrackingEvent): RefundEvent {
  const init: MessageInitShape<typeof RefundEventSchema> = {
    cursor: event.cursor,
    eventTime: timestampFromMs(event.eventAt),
    kind: RefundEventKind[event.kind],
    refund: refundFrom(event),
    previousStatus: event.previousStatus ? RefundStatus[event.previousStatus] : RefundStatus.UNSPECIFIED,
    labels: { ...event.labels },
  };
  if (event.failure) init.failure = messageFromFailure(event.failure);
  if (event.evidence) init.evidence = evidenceFrom(event.evidence);
  return create(RefundEventSchema, init);
}

/** For webhooks: the contract's JSON, without the evidence, which may hold personal data. */
export function jsonFromEvent(event: TrackingEvent): string {
  return toJsonString(RefundEventSchema, messageFromEvent({ ...event, evidence: undefined }));
}

export function messageFromStreamed(streamed: StreamedEvent): StreamRefundEventsResponse {
  const message = streamed.kind === "event"
    ? { case: "event", value: messageFromEvent(streamed.event) } as const
    : { case: "heartbeat", value: { cursor: streamed.cursor } } as const;
  return create(StreamRefundEventsResponseSchema, { message });
}

interface Numbered {
  readonly account: string;
  readonly refundNo: string;
  readonly bizRefundNo: string;
  readonly state: RefundState | undefined;
}

/** A reply names a refund by fewer numbers than its callers may have. */
function refundFrom({ account, refundNo, bizRefundNo, state }: Numbered): Refund {
  if (!state) return create(RefundSchema, { account, refundNo, bizRefundNo });
  const numbers = { refundNo: state.refundNo || refundNo, bizRefundNo: state.bizRefundNo || bizRefundNo };
  return messageFromState({ ...state, ...numbers }, account);
}

function contradictionFrom(
  contradiction: Contradiction,
  account: string,
): MessageInitShape<typeof ContradictionSchema> {
  const { previous, observedAt, note = "", acknowledgedBy = "", acknowledgedAt } = contradiction;
  return {
    previous: messageFromState(previous, account),
    observeTime: timestampFromMs(observedAt),
    note,
    acknowledgedBy,
    ...(acknowledgedAt === undefined ? {} : { acknowledgeTime: timestampFromMs(acknowledgedAt) }),
  };
}

function evidenceFrom(evidence: Evidence): MessageInitShape<typeof EvidenceSchema> {
  const { requestedAt, repliedAt, body, signature, algorithm, fingerprint, release } = evidence;
  return {
    requestTime: timestampFromMs(requestedAt),
    replyTime: timestampFromMs(repliedAt),
    replyBody: Uint8Array.from(body),
    signature: signature.toWellFormed(),
    algorithm,
    secretFingerprint: fingerprint,
    release,
  };
}
