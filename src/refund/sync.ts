import QuickLRU from "quick-lru";
import type { DaxPay } from "../daxpay/client.ts";
import { DaxPayFailure, type Step } from "../daxpay/failure.ts";
import type { RefundReport } from "../daxpay/reply.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import type { Breaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import { createRefundMemory } from "./memory.ts";
import { effectiveQueryMode, type QueryMode } from "./query-mode.ts";
import type { Permit, RateLimiter } from "./rate-limiter.ts";
import type { RefundRecords } from "./records.ts";
import type { SharedCall } from "./single-flight.ts";
import { isSettled, isSyncable, type RefundState, stateFrom, statusOf } from "./state.ts";

export interface SyncerOptions {
  readonly daxpay: DaxPay;
  readonly queryMode: QueryMode;
  /**
   * Milliseconds after which a sync that was sent and not answered counts as over: at least the longest request of DaxPay
   * to a channel plus the age of requests that DaxPay accepts.
   */
  readonly settleTimeoutMs: number;
  /**
   * Whether an earlier process may have left a sync in doubt. Then, where a repeated sync can book money, none is sent
   * within `settleTimeoutMs` of the creation of the records.
   */
  readonly settleOnStart: boolean;
  readonly records: RefundRecords;
  readonly rateLimiter: RateLimiter;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly onEvent: RefundListener;
}

/** One attempt to learn a refund's state. */
export interface SyncAttempt {
  readonly request: RefundQuery;
  /** Whose turn it uses in the queue. */
  readonly flow: string;
  /** Whether this is a retry; then a nonce that the caller gave is not used again. */
  readonly retry: boolean;
}

export interface Syncer {
  /** Makes one attempt. Throws DaxPayFailure. The signal ends it only as long as no sync has been sent. */
  attempt(attempt: SyncAttempt, call: SharedCall): Promise<RefundState>;
  /** Resolves when every sync that was sent has been answered or given up. */
  idle(): Promise<void>;
  /** Number of refunds in doubt. */
  inDoubt(): number;
}

/** Milliseconds that may pass between the reply to the query and the sync that it allows. */
const MAX_QUERY_AGE_MS = 250;
/** Milliseconds: the shortest retry delay of a sync in doubt. */
const MIN_DOUBT_DELAY_MS = 1_000;

/** What an attempt has to wait for, and whether it then shares the outcome. */
interface Blocked {
  readonly outcome: Promise<RefundState>;
  readonly shares: boolean;
}

/** Refunds that are remembered as this application's. */
const MAX_OWN = 10_000;

/**
 * The only place that sends a sync. On DaxPay 3.x a sync of a closed or succeeded refund can book its amount again
 * (RefundAssistService.close), so every sync follows a signed query that reports the refund as unfinished or failed, and
 * nothing is awaited between the last check and the request.
 */
export function createSyncer(options: SyncerOptions): Syncer {
  const { daxpay, rateLimiter, breaker, clock, onEvent } = options;
  const { release } = daxpay;
  const queryMode = effectiveQueryMode(options.queryMode, release);
  const { doubts, locks } = options.records;
  // Without a query nothing names the refund, and a bizRefundNo of another application can be the same.
  const memory = queryMode === "off" ? createRefundMemory(clock.now) : options.records.memory;
  const inProgress = new Set<Promise<RefundState>>();
  /** Refunds that are proven to belong to this application. */
  const own = new QuickLRU<string, true>({ maxSize: MAX_OWN });
  /** Reserved together: the query and the sync that it may allow. */
  const requests = queryMode === "off" || queryMode === "only" ? 1 : 2;
  const firstSyncAt = options.settleOnStart && !release.resyncsClosed
    ? options.records.createdAt + options.settleTimeoutMs
    : 0;

  async function attempt({ request, flow, retry }: SyncAttempt, call: SharedCall): Promise<RefundState> {
    for (;;) {
      const queuedAt = clock.elapsed();
      call.timeoutError = () => rateLimiter.rateLimitedError();
      const result = await rateLimiter.run(flow, call.signal, requests, (permit) => {
        onEvent({ type: "dequeued", ms: clock.elapsed() - queuedAt });
        return queryMode === "off"
          ? syncOnly(request, permit, call, retry)
          : queryAndSync(request, permit, call, retry);
      });
      if (!("outcome" in result)) return result;
      // Outside of the job, so that waiting takes no place of others.
      call.timeoutError = () => timeoutError("SYNC");
      const shared = await waitFor(result, call.signal);
      if (shared) return shared;
    }
  }

  /** Syncs without a query, where a repeated sync does no harm or the operator has chosen so. */
  async function syncOnly(
    request: RefundQuery,
    permit: Permit,
    call: SharedCall,
    retry: boolean,
  ): Promise<RefundState> {
    call.timeoutError = () => timeoutError("SYNC");
    permit.use();
    const report = await send("SYNC", () => daxpay.sync(request, { retry }));
    return remember(keyOf(request), report, request, false);
  }

  /** Queries, and syncs where the query allows it; or returns the sync in progress that it has to wait for. */
  async function queryAndSync(
    request: RefundQuery,
    permit: Permit,
    call: SharedCall,
    retry: boolean,
  ): Promise<RefundState | Blocked> {
    for (;;) {
      call.timeoutError = () => timeoutError("QUERY");
      await permit.reserve(requests);
      const report = await queryOwn(request, permit, call.signal, retry);
      const queriedAt = clock.elapsed();
      const refundNo = report.refundNo ?? request.refundNo;
      const key = lockKeyOf(report, refundNo);
      const state = remember(refundNo, report, request, true);
      if (isSettled(state.status)) doubts.settle(key, refundNo);
      if (queryMode === "only" || !isSyncable(state.status)) return state;
      await permit.reserve(1);
      // From here to the request nothing is awaited: what is checked stays true.
      call.signal.throwIfAborted();
      if (clock.elapsed() - queriedAt > MAX_QUERY_AGE_MS) continue;
      if (memory.isSettled(refundNo)) return state;
      const held = locks.get(key);
      if (held) {
        // A nonce of the caller's own asks for a request of its own, and on beta4 the lock is the whole payment order's.
        return { outcome: held.outcome, shares: held.refundNo === refundNo && !request.nonceStr };
      }
      const knownDoubtMs = doubts.remainingMs(key);
      const doubtMs = Math.max(knownDoubtMs, firstSyncAt - clock.elapsed());
      if (doubtMs > 0) throw inDoubtError(doubtMs, knownDoubtMs > 0, report.daxpayTraceId);
      call.timeoutError = () => timeoutError("SYNC");
      permit.use();
      return await locked(key, refundNo, () => syncAndConfirm(key, { ...request, refundNo }, report, permit, retry));
    }
  }

  /**
   * The query's report, once the refund is proven to be this application's: DaxPay 3.x syncs the refund of another
   * application with the asking one's channel configuration.
   */
  async function queryOwn(request: RefundQuery, permit: Permit, signal: AbortSignal, retry: boolean) {
    permit.use();
    const report = await send("QUERY", () => daxpay.query(request, { signal, retry }));
    const refundNo = report.refundNo ?? "";
    if (queryMode === "only" || own.has(refundNo) || !isSyncable(statusOf(report.daxpayStatus))) return report;
    const proven = await proveOwn(request, report, permit, signal);
    own.set(refundNo, true);
    return proven;
  }

  async function proveOwn(request: RefundQuery, report: RefundReport, permit: Permit, signal: AbortSignal) {
    switch (release.ownership) {
      case "none":
        return report;
      case "appId":
        if (report.appId !== daxpay.appId) throw foreignError(report);
        return report;
      case "bizRefundNo": {
        // Only a look-up by bizRefundNo is limited to the application (RefundOrderManager of 3.0.0).
        if (!request.refundNo) return report;
        if (!report.bizRefundNo) throw foreignError(report);
        await permit.reserve(2);
        permit.use();
        const second = { ...request, refundNo: "", bizRefundNo: report.bizRefundNo };
        const own = await send("QUERY", () => daxpay.query(second, { signal, retry: true })).catch((error) => {
          if (error instanceof DaxPayFailure && error.reason === "REFUND_NOT_FOUND") throw foreignError(report);
          throw error;
        });
        if (own.refundNo !== report.refundNo) throw foreignError(report);
        return own;
      }
    }
  }

  /** Holds the lock while the work runs, whether its callers stay or leave. */
  function locked(key: string, refundNo: string, work: () => Promise<RefundState>): Promise<RefundState> {
    const outcome = work().finally(() => {
      locks.delete(key);
      inProgress.delete(outcome);
    });
    outcome.catch(() => {});
    inProgress.add(outcome);
    locks.set(key, { refundNo, outcome });
    return outcome;
  }

  async function syncAndConfirm(
    key: string,
    request: RefundQuery,
    queried: RefundReport,
    permit: Permit,
    retry: boolean,
  ): Promise<RefundState> {
    const { refundNo } = request;
    const sentAt = clock.elapsed();
    let report: RefundReport;
    try {
      report = await send("SYNC", () => daxpay.sync(request, { retry }));
    } catch (error) {
      if (mayStillRun(error)) {
        doubts.add(key, refundNo, sentAt + options.settleTimeoutMs);
        onEvent({ type: "doubt", refundNo, orderNo: queried.orderNo, ms: options.settleTimeoutMs });
      }
      throw error;
    }
    // The sync's reply names nothing; the query's report, an instant before, does.
    const { orderNo, channel, amountFen } = queried;
    const named = { ...report, refundNo, bizRefundNo: queried.bizRefundNo, orderNo, channel, amountFen };
    const state = remember(refundNo, named, request, true);
    if (state.status === "CLOSED" && !release.resyncsClosed) onEvent({ type: "closedBySync", state });
    if (queryMode !== "around" && !wouldBeFinal(report)) return state;
    try {
      await permit.reserve(1);
      permit.use();
      const confirmed = await send("CONFIRM", () => daxpay.query({ ...request, bizRefundNo: "" }, { confirm: true }));
      return remember(refundNo, confirmed, request, true);
    } catch (error) {
      if (error instanceof DaxPayFailure) return state;
      throw error;
    }
  }

  /** Whether a query that says the same makes the state final. */
  function wouldBeFinal(report: RefundReport): boolean {
    return stateFrom({ ...report, binding: "REFUND" }, NO_NUMBERS, release, true).final;
  }

  function remember(key: string, report: RefundReport, request: RefundQuery, bound: boolean): RefundState {
    const state = stateFrom(report, request, release, bound);
    return memory.record(key, state, (before, after) => onEvent({ type: "conflict", before, after }));
  }

  /** One request to DaxPay. */
  async function send(step: Step, request: () => Promise<RefundReport>): Promise<RefundReport> {
    return await breaker.run(async () => {
      const startedAt = clock.elapsed();
      try {
        const report = await request();
        onEvent({ type: "request", step, ms: clock.elapsed() - startedAt, failure: undefined });
        return report;
      } catch (error) {
        if (error instanceof DaxPayFailure) {
          onEvent({ type: "request", step, ms: clock.elapsed() - startedAt, failure: error });
        }
        throw error;
      }
    }, step);
  }

  /** The outcome of a sync that another call has sent; undefined where this call needs one of its own. */
  async function waitFor({ outcome, shares }: Blocked, signal: AbortSignal): Promise<RefundState | undefined> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (shares) onEvent({ type: "coalesced" });
    try {
      return await Promise.race([aborted.promise, shares ? outcome : outcome.then(ignore, ignore)]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** beta4 rewrites the balance of the whole payment order without a version check: its refunds wait for each other. */
  function lockKeyOf(report: RefundReport, refundNo: string): string {
    return release.locksOrder && report.orderNo ? `orderNo ${report.orderNo}` : `refundNo ${refundNo}`;
  }

  return {
    attempt,
    async idle() {
      while (inProgress.size > 0) await Promise.allSettled(inProgress);
    },
    inDoubt: () => doubts.size(),
  };
}

const NO_NUMBERS: RefundQuery = { refundNo: "", bizRefundNo: "", clientIp: "", nonceStr: "" };

function ignore(): undefined {}

/** With both numbers, refundNo decides. */
function keyOf({ refundNo, bizRefundNo }: RefundQuery): string {
  return refundNo || `bizRefundNo ${bizRefundNo}`;
}

/** Whether DaxPay may still be processing a failed sync: only an answer of its own says that it is not. */
function mayStillRun(error: unknown): boolean {
  if (!(error instanceof DaxPayFailure)) return true;
  if (error.delivery === "NOT_SENT") return false;
  return error.delivery === "IN_DOUBT" || error.daxpayCode === undefined || error.reason.startsWith("REPLY_");
}

/** The error of a caller whose deadline expires during this step. */
function timeoutError(step: Step): DaxPayFailure {
  return new DaxPayFailure("UPSTREAM_TIMEOUT", "DaxPay request timed out: the caller's deadline expired", {
    step,
    delivery: step === "SYNC" ? "IN_DOUBT" : "NOT_SENT",
  });
}

/** `known`: whether this process sent the sync. */
function inDoubtError(ms: number, known: boolean, daxpayTraceId: string | undefined): DaxPayFailure {
  const sync = known ? "A sync of this refund" : "A sync that was sent before this process started";
  return new DaxPayFailure(
    "SYNC_IN_DOUBT",
    `${sync} may still be running in DaxPay; only queries are sent for another ${Math.ceil(ms / 1000)} s`,
    { step: "QUERY", retryDelayMs: Math.max(MIN_DOUBT_DELAY_MS, ms), daxpayTraceId },
  );
}

function foreignError({ refundNo, daxpayTraceId }: RefundReport): DaxPayFailure {
  return new DaxPayFailure(
    "INVALID_REQUEST",
    `Expected a refund of the configured DaxPay application, got "${refundNo}" of another one`,
    { step: "QUERY", delivery: "NOT_SENT", daxpayTraceId },
  );
}
