import type { RefundState } from "../../src/refund/state.ts";
import {
  type EventKind,
  type EventsQuery,
  type StreamedEvent,
  type TrackedName,
  type TrackedRefund,
  type Tracking,
  TrackingError,
  type TrackingEvent,
} from "../../src/tracking/tracking.ts";

export interface MemoryTracking extends Tracking {
  /** What `list` was called with. */
  readonly lists: unknown[];
  /** How many requests each call of `track` had. */
  readonly tracks: number[];
  /** Number of calls, failed ones included. */
  readonly attempts: () => number;
  /** Number of open streams. */
  readonly streams: () => number;
  /** Changes a tracked refund. */
  change(name: TrackedName, change: Partial<TrackedRefund>, event: Partial<TrackingEvent> & { kind: EventKind }): void;
  /** Sends a heartbeat over all streams. */
  beat(): void;
  /** Drops all events up to now: a cursor among them has expired. */
  prune(): void;
  /** Every method fails with it. */
  fail(error: Error | undefined): void;
}

/** The clock of the tracking: each read is a second later. */
const START = Date.UTC(2026, 0, 1);

/** Follows nothing: tests say what happens. */
export function createMemoryTracking(): MemoryTracking {
  const refunds: TrackedRefund[] = [];
  const events: TrackingEvent[] = [];
  const wakes = new Set<(beat: boolean) => void>();
  const lists: unknown[] = [];
  const tracks: number[] = [];
  let pruned = 0;
  let ticks = 0;
  let attempts = 0;
  let failure: Error | undefined;
  const now = () => START + 1_000 * ticks++;
  const check = () => {
    attempts++;
    if (failure) throw failure;
  };

  function find({ account, refundNo, bizRefundNo }: TrackedName): number {
    return refunds.findIndex((one) =>
      one.account === account && (refundNo ? one.refundNo === refundNo : one.bizRefundNo === bizRefundNo)
    );
  }

  function indexOf(name: TrackedName): number {
    check();
    const index = find(name);
    if (index < 0) throw new TrackingError("NOT_TRACKED", "The refund is not tracked");
    return index;
  }

  function emit(tracked: TrackedRefund, event: Partial<TrackingEvent> & { kind: EventKind }): void {
    const { account, refundNo, bizRefundNo, state, labels } = tracked;
    events.push({
      cursor: `c${events.length + 1}`,
      eventAt: now(),
      account,
      refundNo,
      bizRefundNo,
      state,
      labels,
      previousStatus: undefined,
      failure: undefined,
      evidence: undefined,
      ...event,
    });
    wakes.forEach((wake) => wake(false));
  }

  function after({ accounts, afterCursor }: EventsQuery): readonly TrackingEvent[] {
    check();
    const position = afterCursor === "" ? pruned : Number(/^c(\d+)$/.exec(afterCursor)?.[1]);
    if (!(position >= 0)) {
      throw new TrackingError("INVALID_REQUEST", `expected a cursor, got "${afterCursor}"`, { field: "after_cursor" });
    }
    if (position < pruned) {
      const oldestCursor = `c${pruned}`;
      throw new TrackingError("CURSOR_EXPIRED", `The events were pruned; the oldest cursor is ${oldestCursor}`, {
        oldestCursor,
      });
    }
    return events.slice(position).filter(({ account }) => !accounts || accounts.includes(account));
  }

  function change(name: TrackedName, changed: Partial<TrackedRefund>): TrackedRefund {
    const index = indexOf(name);
    return refunds[index] = { ...refunds[index], ...changed };
  }

  return {
    lists,
    tracks,
    attempts: () => attempts,
    streams: () => wakes.size,
    track: (requests, trackedBy) =>
      later(() => {
        check();
        tracks.push(requests.length);
        return requests.map(({ account, refund, labels, expireAfterMs = 14 * 24 * 3600 * 1000 }) => {
          const { refundNo, bizRefundNo } = refund;
          if (refundNo === "REPLACED") return new TrackingError("STORE_REPLACED", "The database is another one");
          const index = find({ account, refundNo, bizRefundNo });
          if (index >= 0) {
            refunds[index] = { ...refunds[index], labels };
            return { trackedRefund: refunds[index], created: false };
          }
          const trackedAt = now();
          const trackedRefund: TrackedRefund = {
            account,
            refundNo,
            bizRefundNo,
            labels,
            trackedBy,
            trackedAt,
            state: undefined,
            trackingState: "ACTIVE",
            expiresAt: trackedAt + expireAfterMs,
            nextAttemptAt: trackedAt,
            lastAttemptAt: undefined,
            attempts: 0,
            lastFailure: undefined,
            contradiction: undefined,
          };
          refunds.push(trackedRefund);
          emit(trackedRefund, { kind: "TRACKED" });
          return { trackedRefund, created: true };
        });
      }),
    get: (name) => later(() => refunds[indexOf(name)]),
    list: (query) =>
      later(() => {
        check();
        lists.push(query);
        const items = refunds.filter(({ account }) => !query.accounts || query.accounts.includes(account));
        return { items: items.slice(0, query.pageSize), nextPageToken: items.length > query.pageSize ? "more" : "" };
      }),
    untrack: (name) =>
      later(() => {
        const tracked = change(name, { trackingState: "UNTRACKED", nextAttemptAt: undefined });
        emit(tracked, { kind: "UNTRACKED" });
        return tracked;
      }),
    acknowledge: (name, note, acknowledgedBy) =>
      later(() => {
        const { contradiction } = refunds[indexOf(name)];
        if (!contradiction) {
          throw new TrackingError("INVALID_REQUEST", "expected a refund with a contradiction, got none");
        }
        return change(name, { contradiction: { ...contradiction, note, acknowledgedBy, acknowledgedAt: now() } });
      }),
    listEvents: (query, limit) => later(() => after(query).slice(0, limit)),
    async *streamEvents(query, signal): AsyncGenerator<StreamedEvent> {
      let { afterCursor } = query;
      let woken: { readonly promise: Promise<boolean>; resolve(beat: boolean): void } = Promise.withResolvers<
        boolean
      >();
      const wake = (beat: boolean) => woken.resolve(beat);
      const onAbort = () => wake(false);
      wakes.add(wake);
      signal.addEventListener("abort", onAbort);
      try {
        for (;;) {
          for (const event of after({ ...query, afterCursor })) {
            afterCursor = event.cursor;
            yield { kind: "event", event };
          }
          const beat = await woken.promise;
          signal.throwIfAborted();
          check();
          woken = Promise.withResolvers<boolean>();
          if (beat) yield { kind: "heartbeat", cursor: afterCursor };
        }
      } finally {
        wakes.delete(wake);
        signal.removeEventListener("abort", onAbort);
      }
    },
    change: (name, changed, event) => emit(change(name, changed), event),
    beat: () => wakes.forEach((wake) => wake(true)),
    prune: () => pruned = events.length,
    fail(error) {
      failure = error;
      if (error) wakes.forEach((wake) => wake(false));
    },
  };
}

function later<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work);
}

/** A state for tests that need any. */
export const STATE: RefundState = {
  refundNo: "R1",
  bizRefundNo: "",
  status: "SUCCEEDED",
  daxpayStatus: "success",
  repliedAt: START,
  daxpayTraceId: "trace",
  final: true,
  nextSyncDelayMs: undefined,
  binding: "REFUND",
  orderNo: "O1",
  channel: "ali_pay",
  amountFen: 2n ** 60n,
  finishedAt: START,
  errorMessage: undefined,
  unchangedSince: undefined,
};
