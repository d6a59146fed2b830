import type { Ledger } from "./ledger.ts";
import type { ReleaseName } from "./release.ts";
import { load, type Refund } from "./rows.ts";
import { type SyncContext, syncRefund } from "./sync.ts";

/** DaxPay's scheduled jobs, by their interval. */
export const JOBS = ["minute", "ten-minutes", "hour", "day"] as const;
export type Job = typeof JOBS[number];

const MINUTE_MS = 60_000;
/** 3.0.0 (OrderSyncTask): age of the refunds that each job syncs, in milliseconds. */
const AGES: Readonly<Record<Job, readonly [from: number, to: number]>> = {
  minute: [MINUTE_MS, 10 * MINUTE_MS],
  "ten-minutes": [10 * MINUTE_MS, 60 * MINUTE_MS],
  hour: [60 * MINUTE_MS, 24 * 60 * MINUTE_MS],
  day: [24 * 60 * MINUTE_MS, Infinity],
};

/** 4.x: age of the refunds that its job syncs no more. */
const GIVEN_UP_MS = 7 * 24 * 60 * MINUTE_MS;

export const CALLBACK_STATUSES = ["success", "fail", "close"] as const;
export type CallbackStatus = typeof CALLBACK_STATUSES[number];

/** Result of a callback or of an operator's action. */
export type ActionResult =
  | "applied"
  /** The refund's status does not allow it, or the sync failed. */
  | "ignored"
  /** DaxPay does not know the refund, or its order. */
  | "not-found";

/** Everything besides API calls that changes refunds in DaxPay. */
export interface Actors {
  /**
   * Runs a job over the refunds that were added or used, one after another, and resolves with their number. 3.0.0 has
   * all of them. Elsewhere the only job, which 2.x ships stopped, runs each minute and takes every refund in progress;
   * 4.x gives up after seven days.
   */
  runJob(job?: Job): Promise<number>;
  /**
   * Receives the channel's callback, which is ignored unless the refund is in progress. `fail` closes it as well, but on
   * 4.x fails it.
   */
  callback(refundNo: string, status: CallbackStatus): ActionResult;
  /** Syncs a refund in DaxPay's console, as another client could: a final one too. */
  syncInConsole(refundNo: string): Promise<ActionResult>;
  /** Closes a refund in DaxPay's console, which is possible for a failed one only; on 4.x for one in progress. */
  closeRefund(refundNo: string): ActionResult;
}

export function createActors(release: ReleaseName, context: SyncContext): Actors {
  const { ledger, now, release: { finalStatuses } } = context;
  const failureIsFinal = finalStatuses.includes("fail");

  async function runJob(job: Job = "minute"): Promise<number> {
    const due = [...ledger.all()].filter((refund) => refund.status === "progress" && isDue(refund, job));
    for (const refund of due) await syncRefund(refund, context);
    return due.length;
  }

  function isDue({ requestedAt }: Refund, job: Job): boolean {
    const age = now() - requestedAt;
    if (release === "4.0.0-beta" && age >= GIVEN_UP_MS) return false;
    if (release !== "3.0.0") return job === "minute";
    const [from, to] = AGES[job];
    return age >= from && age < to;
  }

  async function syncInConsole(refundNo: string): Promise<ActionResult> {
    const refund = ledger.get(refundNo);
    if (!refund) return "not-found";
    const result = await syncRefund(refund, context);
    return "failure" in result ? "ignored" : "applied";
  }

  return {
    runJob,
    syncInConsole,
    callback: (refundNo, status) =>
      write(ledger, refundNo, "progress", status === "fail" && !failureIsFinal ? "close" : status),
    closeRefund: (refundNo) => write(ledger, refundNo, failureIsFinal ? "progress" : "fail", "close"),
  };
}

function write(ledger: Ledger, refundNo: string, from: "progress" | "fail", to: CallbackStatus): ActionResult {
  const refund = ledger.get(refundNo);
  if (!refund) return "not-found";
  if (refund.status !== from) return "ignored";
  const change = ledger.prepare(load(refund), to);
  if (!change) return "not-found";
  ledger.commit(change);
  return "applied";
}
