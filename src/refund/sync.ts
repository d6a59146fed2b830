import QuickLRU from "quick-lru";
import type { DaxPay, ProvenReport, QueryOptions } from "../daxpay/client.ts";
import { DaxPayFailure, type Step } from "../daxpay/failure.ts";
import type { RefundReport } from "../daxpay/reply.ts";
import type { RefundQuery } from "../daxpay/request.ts";
import { unlessAborted } from "../util/abort.ts";
import type { Breaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";
import type { RefundListener } from "./event.ts";
import { createRefundMemory } from "./memory.ts";
import { effectiveQueryMode, type QueryMode } from "./query-mode.ts";
import type { Permit, RateLimiter } from "./rate-limiter.ts";
import type { RefundRecords } from "./records.ts";
import type { AttemptResult, Claim, SharedRecords, SharedRefund, VerifiedState } from "./shared.ts";
import type { SharedCall } from "./single-flight.ts";
import { isFinal, isSettled, isSyncable, type RefundState, stateFrom, statusOf } from "./state.ts";

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
  /** What replicas agree on; undefined without a database. */
  readonly shared?: SharedRecords;
  readonly rateLimiter: RateLimiter;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly onEvent: RefundListener;
}

/** What a call wants. */
export interface SyncOptions {
  /** Whether a query is enough; without effect where the release has none. */
  readonly queryOnly?: boolean;
  /** Number of the attempt in the caller's schedule, from 1; undefined without one. */
  readonly attempt?: number;
  /** Whether nobody waits for the result, so that the call waits for all others. Defaults to false. */
  readonly background?: boolean;
}

/** One attempt to learn a refund's state. */
export interface SyncAttempt {
  readonly request: RefundQuery;
  /** Whose turn it uses in the queue. */
  readonly flow: string;
  /** Whether this is a retry; then a nonce that the caller gave is not used again. */
  readonly retry: boolean;
  /** Clock.elapsed when the call began. */
  readonly startedAt: number;
  readonly options: SyncOptions;
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
  readonly outcome: Promise<RefundState | undefined | void>;
  readonly shares: boolean;
}

/** A query's report, with the state that it reports. */
interface Queried extends Answer {
  /** Clock.elapsed of the reply. */
  readonly repliedAt: number;
}

type Result = Omit<AttemptResult, "attempt">;

/** A query's report and state. */
interface Answer {
  readonly report: ProvenReport;
  readonly verified: VerifiedState;
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
  const { shared } = options;
  const { doubts, locks } = options.records;
  // Without a query nothing names the refund, and a bizRefundNo of another application can be the same.
  const memory = queryMode === "off" ? createRefundMemory(clock.now) : options.records.memory;
  const inProgress = new Set<Promise<unknown>>();
  /** Refunds that are proven to belong to this application. */
  const own = new QuickLRU<string, true>({ maxSize: MAX_OWN });
  /** Reserved together: the query and the sync that it may allow. */
  const requestsOf = ({ options }: SyncAttempt) =>
    queryMode === "off" || queryMode === "only" || options.queryOnly ? 1 : 2;
  const firstSyncAt = options.settleOnStart && !release.resyncsClosed
    ? options.records.createdAt + options.settleTimeoutMs
    : 0;

  async function attempt(attempt: SyncAttempt, call: SharedCall): Promise<RefundState> {
    for (;;) {
      const queuedAt = clock.elapsed();
      call.timeoutError = () => rateLimiter.rateLimitedError(call.background());
      const result = await rateLimiter.run(attempt.flow, call.signal, requestsOf(attempt), (permit) => {
        onEvent({ type: "dequeued", ms: clock.elapsed() - queuedAt });
        return queryMode === "off" ? syncOnly(attempt, permit, call) : queryAndSync(attempt, permit, call);
      }, call);
      if (!("outcome" in result)) return result;
      // Outside of the job, so that waiting takes no place of others.
      call.timeoutError = () => timeoutError("SYNC");
      const outcome = await waitFor(result, call.signal);
      if (outcome) return outcome;
    }
  }

  /** Syncs without a query, where a repeated sync does no harm or the operator has chosen so. */
  async function syncOnly(attempt: SyncAttempt, permit: Permit, call: SharedCall): Promise<RefundState | Blocked> {
    const { request, retry } = attempt;
    const refund = { ...request, orderNo: undefined, bound: false };
    const claimed = await shared?.claim(refund, callMsOf(attempt));
    if (claimed?.kind === "held") return { outcome: claimed.ended, shares: false };
    if (claimed?.kind === "synced" && claimed.state) return claimed.state;
    if (claimed?.kind === "away" && claimed.replaced) throw storeReplacedError();
    const claim = claimed?.kind === "granted" ? claimed.claim : undefined;
    if (call.signal.aborted) {
      await commit(attempt, { refund, claim, sync: "NOT_SENT", verified: undefined });
      throw call.signal.reason;
    }
    call.timeoutError = () => timeoutError("SYNC");
    permit.use();
    return await followed(async () => {
      try {
        const verified = await send("SYNC", () => daxpay.sync(request, { retry }), request, keyOf(request), false);
        return await recorded(attempt, { refund, claim, sync: "ANSWERED", verified });
      } catch (error) {
        await commit(attempt, { refund, claim, sync: mayStillRun(error) ? "DOUBT" : "ANSWERED", verified: undefined });
        throw error;
      }
    });
  }

  /** Does work that `idle` waits for, whether its callers stay or leave. */
  async function followed<T>(work: () => Promise<T>): Promise<T> {
    const result = work();
    inProgress.add(result);
    try {
      return await result;
    } finally {
      inProgress.delete(result);
    }
  }

  /** Queries, and syncs where the query allows it; or returns the sync in progress that it has to wait for. */
  async function queryAndSync(
    attempt: SyncAttempt,
    permit: Permit,
    call: SharedCall,
  ): Promise<RefundState | Blocked> {
    for (;;) {
      const queried = await query(attempt, permit, call);
      const { report, verified: { state } } = queried;
      const refund = sharedRefund(attempt.request, report);
      if (queryMode === "only" || attempt.options.queryOnly || !isSyncable(state.status)) {
        return await recorded(attempt, unsent(refund, queried));
      }
      await permit.reserve(1);
      // From here to the request, or the claim, nothing is awaited: what is checked stays true.
      call.signal.throwIfAborted();
      if (isOld(queried)) continue;
      const { refundNo } = state;
      const key = lockKeyOf(report, refundNo);
      if (memory.isSettled(refundNo)) return await recorded(attempt, unsent(refund, queried));
      const held = locks.get(key);
      if (held) {
        // A nonce of the caller's own asks for a request of its own, and on beta4 the lock is the whole payment order's.
        return { outcome: held.outcome, shares: held.refundNo === refundNo && !attempt.request.nonceStr };
      }
      const knownDoubtMs = doubts.remainingMs(key);
      const doubtMs = Math.max(knownDoubtMs, firstSyncAt - clock.elapsed());
      if (doubtMs > 0) throw inDoubtError(doubtMs, knownDoubtMs > 0, report.daxpayTraceId);
      return await locked(key, refundNo, () => claimAndSync(attempt, queried, permit, call));
    }
  }

  /** Queries the refund, and remembers what that says. */
  async function query(attempt: SyncAttempt, permit: Permit, call: SharedCall): Promise<Queried> {
    call.timeoutError = () => timeoutError("QUERY");
    await permit.reserve(requestsOf(attempt));
    const { request } = attempt;
    const { report, verified } = await queryOwn(attempt, permit, call.signal);
    const refundNo = report.refundNo ?? request.refundNo;
    if (isSettled(verified.state.status)) doubts.settle(lockKeyOf(report, refundNo), refundNo);
    return { report, verified, repliedAt: clock.elapsed() };
  }

  /** Syncs once all replicas agree that this one may. */
  async function claimAndSync(
    attempt: SyncAttempt,
    queried: Queried,
    permit: Permit,
    call: SharedCall,
  ): Promise<RefundState | Blocked> {
    const refund = sharedRefund(attempt.request, queried.report);
    const { refundNo } = refund;
    const result = await shared?.claim(refund, callMsOf(attempt));
    switch (result?.kind) {
      case "settled":
      case "synced":
        return await recorded(attempt, unsent(refund, queried));
      case "held":
        return { outcome: result.ended, shares: false };
      case "doubt":
        throw inDoubtError(result.ms, true, queried.report.daxpayTraceId);
      case "away": {
        const continued = !result.replaced && (release.resyncsClosed || result.mayContinue);
        onEvent({ type: "storeAway", refundNo, replaced: result.replaced, continued });
        if (result.replaced) throw storeReplacedError();
        if (!continued) return await recorded(attempt, unsent(refund, queried));
      }
    }
    const claim = result?.kind === "granted" ? result.claim : undefined;
    // Asking for a claim has taken time, also where there is no answer.
    const unsendable = result && await whyUnsendable(attempt, queried, claim?.sendBefore ?? Infinity, permit, call);
    if (unsendable) {
      const verified = unsendable.queried?.verified;
      await commit(attempt, { refund, claim, sync: claim && "NOT_SENT", verified });
      if (verified) return verified.state;
      throw unsendable.error;
    }
    call.timeoutError = () => timeoutError("SYNC");
    permit.use();
    return await syncAndConfirm(attempt, refund, queried.report, claim, permit);
  }

  /**
   * Repeats the query where it is old by now; returns why the sync must not be sent, or undefined, after which nothing may
   * be awaited before it is.
   */
  async function whyUnsendable(
    attempt: SyncAttempt,
    first: Queried,
    sendBefore: number,
    permit: Permit,
    call: SharedCall,
  ): Promise<{ readonly queried?: Queried; readonly error?: unknown } | undefined> {
    try {
      for (let queried = first;;) {
        call.signal.throwIfAborted();
        if (clock.elapsed() >= sendBefore) throw rateLimiter.rateLimitedError(call.background());
        if (memory.isSettled(queried.verified.state.refundNo)) return { queried };
        if (!isOld(queried)) return undefined;
        queried = await query({ ...attempt, retry: true }, permit, call);
        if (!isSyncable(queried.verified.state.status)) return { queried };
        await permit.reserve(1);
      }
    } catch (error) {
      return { error };
    }
  }

  function isOld({ repliedAt }: Queried): boolean {
    return clock.elapsed() - repliedAt > MAX_QUERY_AGE_MS;
  }

  /**
   * The query's report, once the refund is proven to be this application's: DaxPay 3.x syncs the refund of another
   * application with the asking one's channel configuration.
   */
  async function queryOwn({ request, retry, options }: SyncAttempt, permit: Permit, signal: AbortSignal) {
    permit.use();
    const answer = await sendQuery("QUERY", request, { signal, retry });
    const { report } = answer;
    const refundNo = report.refundNo ?? "";
    const needsProof = queryMode !== "only" && !options.queryOnly && isSyncable(statusOf(report.daxpayStatus));
    if (!needsProof || own.has(refundNo)) return answer;
    const proven = await proveOwn(request, answer, permit, signal);
    own.set(refundNo, true);
    return proven;
  }

  async function proveOwn(request: RefundQuery, answer: Answer, permit: Permit, signal: AbortSignal): Promise<Answer> {
    const { report } = answer;
    switch (release.ownership) {
      case "none":
        return answer;
      case "appId":
        if (report.appId !== daxpay.appId) throw foreignError(report);
        return answer;
      case "bizRefundNo": {
        // Only a look-up by bizRefundNo is limited to the application (RefundOrderManager of 3.0.0).
        if (!request.refundNo) return answer;
        if (!report.bizRefundNo) throw foreignError(report);
        await permit.reserve(2);
        permit.use();
        const second = { ...request, refundNo: "", bizRefundNo: report.bizRefundNo };
        const own = await sendQuery("QUERY", second, { signal, retry: true }).catch((error) => {
          if (error instanceof DaxPayFailure && error.reason === "REFUND_NOT_FOUND") throw foreignError(report);
          throw error;
        });
        if (own.report.refundNo !== report.refundNo) throw foreignError(report);
        return own;
      }
    }
  }

  /** Whether the report's bizRefundNo is a number of this application. */
  function isOwn(request: RefundQuery, report: RefundReport): boolean {
    switch (release.ownership) {
      case "none":
        return true;
      case "appId":
        return report.appId === daxpay.appId;
      case "bizRefundNo":
        return !request.refundNo || own.has(report.refundNo ?? "");
    }
  }

  function sharedRefund(request: RefundQuery, report: RefundReport): SharedRefund {
    return {
      refundNo: report.refundNo ?? request.refundNo,
      bizRefundNo: isOwn(request, report) ? report.bizRefundNo ?? "" : "",
      orderNo: report.orderNo,
      bound: true,
    };
  }

  /** Holds the lock while the work runs, whether its callers stay or leave. */
  function locked(
    key: string,
    refundNo: string,
    work: () => Promise<RefundState | Blocked>,
  ): Promise<RefundState | Blocked> {
    const result = followed(work).finally(() => locks.delete(key));
    const outcome = result.then((value) => "outcome" in value ? undefined : value);
    outcome.catch(() => {});
    locks.set(key, { refundNo, outcome });
    return result;
  }

  async function syncAndConfirm(
    attempt: SyncAttempt,
    refund: SharedRefund,
    queried: RefundReport,
    claim: Claim | undefined,
    permit: Permit,
  ): Promise<RefundState> {
    const { request, retry } = attempt;
    const { refundNo } = refund;
    const named = { ...request, refundNo };
    const sentAt = clock.elapsed();
    let answer: VerifiedState;
    try {
      // The sync's reply names nothing; the query's report, an instant before, does.
      const { bizRefundNo, orderNo, channel, amountFen } = queried;
      const sync = async () => ({
        ...await daxpay.sync(named, { retry }),
        refundNo,
        bizRefundNo,
        orderNo,
        channel,
        amountFen,
      });
      answer = await send("SYNC", sync, named, refundNo, true);
    } catch (error) {
      const inDoubt = mayStillRun(error);
      if (inDoubt) {
        doubts.add(lockKeyOf(queried, refundNo), refundNo, sentAt + options.settleTimeoutMs);
        onEvent({ type: "doubt", refundNo, orderNo: queried.orderNo, ms: options.settleTimeoutMs });
      }
      await commit(attempt, { refund, claim, sync: inDoubt ? "DOUBT" : "ANSWERED", verified: undefined });
      throw error;
    }
    if (answer.state.status === "CLOSED" && !release.resyncsClosed) {
      onEvent({ type: "closedBySync", state: answer.state });
    }
    const verified = queryMode !== "around" && !wouldBeFinal(answer.state)
      ? answer
      : await confirm(named, permit) ?? answer;
    return await recorded(attempt, { refund, claim, sync: "ANSWERED", verified });
  }

  /** What a query says after the sync; undefined if it fails, since the sync's answer stands without it. */
  async function confirm(request: RefundQuery, permit: Permit): Promise<VerifiedState | undefined> {
    try {
      await permit.reserve(1);
      permit.use();
      return (await sendQuery("CONFIRM", { ...request, bizRefundNo: "" }, { confirm: true })).verified;
    } catch (error) {
      if (error instanceof DaxPayFailure) return undefined;
      throw error;
    }
  }

  /** Whether a query that says the same makes the state final. */
  function wouldBeFinal(state: RefundState): boolean {
    return isFinal({ ...state, binding: "REFUND" }, release, true);
  }

  function unsent(refund: SharedRefund, { verified }: Queried) {
    return { refund, claim: undefined, sync: undefined, verified } as const;
  }

  /** Tells all replicas what an attempt has led to. */
  async function commit({ options }: SyncAttempt, result: Result): Promise<number | undefined> {
    return await shared?.commit({ ...result, attempt: options.attempt });
  }

  /** Commits a verified state and returns it. */
  async function recorded(
    attempt: SyncAttempt,
    result: Result & { readonly verified: VerifiedState },
  ): Promise<RefundState> {
    const { state } = result.verified;
    const unchangedSince = await commit(attempt, result) ?? state.unchangedSince;
    return { ...state, unchangedSince };
  }

  async function sendQuery(step: "QUERY" | "CONFIRM", request: RefundQuery, options: QueryOptions): Promise<Answer> {
    let report: ProvenReport | undefined;
    const verified = await send(step, async () => report = await daxpay.query(request, options), request, "", true);
    return { report: report as ProvenReport, verified };
  }

  /** One request to DaxPay, whose verified answer is remembered under `key`, or the refundNo that it names. */
  async function send(
    step: Step,
    request: () => Promise<ProvenReport>,
    query: RefundQuery,
    key: string,
    bound: boolean,
  ): Promise<VerifiedState> {
    return await breaker.run(async () => {
      const sentAt = clock.elapsed();
      try {
        const report = await request();
        onEvent({ type: "request", step, ms: clock.elapsed() - sentAt, failure: undefined });
        const state = memory.record(
          key || (report.refundNo ?? query.refundNo),
          stateFrom(report, query, release, bound),
          // With a database its records tell, which also know what other processes have seen.
          (before, after) => shared || onEvent({ type: "conflict", before, after }),
        );
        return { state, evidence: report.evidence, sentAt };
      } catch (error) {
        if (error instanceof DaxPayFailure) {
          onEvent({ type: "request", step, ms: clock.elapsed() - sentAt, failure: error });
        }
        throw error;
      }
    }, step);
  }

  /** How long ago the call began, unless it asks for a request of its own. */
  function callMsOf({ request, startedAt }: SyncAttempt): number | undefined {
    return request.nonceStr ? undefined : clock.elapsed() - startedAt;
  }

  /** The outcome of a sync that another call has sent; undefined where this call needs one of its own. */
  async function waitFor({ outcome, shares }: Blocked, signal: AbortSignal): Promise<RefundState | undefined> {
    if (shares) onEvent({ type: "coalesced" });
    return await unlessAborted(signal, shares ? outcome.then(stateOf) : outcome.then(ignore, ignore));
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

function ignore(): undefined {}

function stateOf(outcome: RefundState | undefined | void): RefundState | undefined {
  return outcome ?? undefined;
}

function storeReplacedError(): DaxPayFailure {
  return new DaxPayFailure(
    "STORE_REPLACED",
    "The database is not the one that this service has written to, so nothing is synced; see deno task migrate --help",
    { step: "QUERY" },
  );
}

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
