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
   * Runs a job over the refunds that were added or used, one after another, and resolves with their number. beta4's
   * only job, which 2.x ships stopped, runs each minute and takes every refund in progress.
   */
  runJob(job?: Job): Promise<number>;
  /** Receives the channel's callback, which is ignored unless the refund is in progress. `fail` closes it as well. */
  callback(refundNo: string, status: CallbackStatus): ActionResult;
  /** Syncs a refund in DaxPay's console, as another client could: a final one too. */
  syncInConsole(refundNo: string): Promise<ActionResult>;
  /** Closes a refund in DaxPay's console, which is possible for a failed one only. */
  closeRefund(refundNo: string): ActionResult;
}

export function createActors(release: ReleaseName, context: SyncContext): Actors {
  const { ledger, now } = context;

  async function runJob(job: Job = "minute"): Promise<number> {
    const due = [...ledger.all()].filter((refund) => refund.status === "progress" && isDue(refund, job));
    for (const refund of due) await syncRefund(refund, context);
    return due.length;
  }

  function isDue({ requestedAt }: Refund, job: Job): boolean {
    if (release !== "3.0.0") return job === "minute";
    const age = now() - requestedAt;
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
    callback: (refundNo, status) => write(ledger, refundNo, "progress", status === "success" ? "success" : "close"),
    closeRefund: (refundNo) => write(ledger, refundNo, "fail", "close"),
  };
}

function write(ledger: Ledger, refundNo: string, from: "progress" | "fail", to: "success" | "close"): ActionResult {
  const refund = ledger.get(refundNo);
  if (!refund) return "not-found";
  if (refund.status !== from) return "ignored";
  const change = ledger.prepare(load(refund), to);
  if (!change) return "not-found";
  ledger.commit(change);
  return "applied";
}
