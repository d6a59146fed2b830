import { isChannelState } from "./channel.ts";
import type { Failure } from "./failure.ts";
import type { Change, Ledger } from "./ledger.ts";
import { LOCK_TIMEOUT_MS, type Locks } from "./lock.ts";
import type { FinalStatus, Scenario } from "./refunds.ts";
import type { Release } from "./release-type.ts";
import { load, type LoadedRow, type Refund } from "./rows.ts";

/** Alipay's refunds can be synced on 3.x when they are this old. */
const YOUNG_MS = 10_000;

/** Result of a sync: a failure, or the status that the release returns. */
export type SyncResult =
  | { readonly failure: Failure }
  | {
    readonly status: string;
    /**
     * 3.x: whether the stored refund already was as the channel says, against the member's name. 4.x: whether its
     * status changed.
     */
    readonly adjust: boolean;
  };

export interface SyncContext {
  readonly release: Release;
  readonly ledger: Ledger;
  readonly locks: Locks;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Response time of the channel in milliseconds. */
  readonly latencyMs: number;
  /** Milliseconds between the release of the lock and the commit. */
  readonly commitMs: number;
  /** 2.0.8: whether its tables are those of its MySQL script. */
  readonly shippedTables: boolean;
}

/** Syncs a refund as the release does. */
export function syncRefund(refund: Refund, context: SyncContext): Promise<SyncResult> {
  return context.release.locksLate ? syncThenLock(refund, context) : lockThenSync(refund, context);
}

/**
 * Syncs a refund as RefundSyncService of 2.x and 3.x does, oddities included: the row is loaded before the lock and
 * never again, the lock expires while the channel is called, and it is released before the transaction is committed.
 */
async function lockThenSync(refund: Refund, context: SyncContext): Promise<SyncResult> {
  const { release, ledger, locks, now, wait } = context;
  const { outcomes } = release;
  const row = load(refund);
  refund.syncs++;
  if (release.finalStatuses.includes(row.status)) return { status: row.status, adjust: false };
  if (refund.scenarios[0] === "interfaceOff" && outcomes.interfaceOff) return { failure: outcomes.interfaceOff };
  const lock = await locks.acquire(refund.refundNo);
  if (!lock) return { failure: outcomes.locked };
  const scenario = ledger.nextScenario(refund);
  if (scenario === "locked") {
    locks.release(refund.refundNo, lock);
    await wait(LOCK_TIMEOUT_MS);
    return { failure: outcomes.locked };
  }
  const obstacle = obstacleTo(refund, scenario, release, now());
  if (obstacle) {
    if (!obstacle.keepsLock) locks.release(refund.refundNo, lock);
    return { failure: obstacle.failure };
  }
  await callChannel(refund, context);
  const { result, change } = settle(row, scenario, context);
  locks.release(refund.refundNo, lock);
  if (!change) return result;
  if (context.commitMs > 0) await wait(context.commitMs);
  return ledger.commit(change) ? result : { failure: outcomes.exception };
}

/**
 * Syncs a refund as RefundSyncService and RefundSettleService of 4.x do: the channel is called without a lock, and the
 * payment's lock is held until the transaction is committed, which changes a refund only if it still is in progress.
 */
async function syncThenLock(refund: Refund, context: SyncContext): Promise<SyncResult> {
  const { release, ledger, locks, now, wait } = context;
  const { outcomes } = release;
  const before = refund.status;
  const current = () => ({ status: refund.status, adjust: refund.status !== before });
  refund.syncs++;
  if (release.finalStatuses.includes(before)) return current();
  const scenario = ledger.nextScenario(refund);
  if (scenario === "locked") {
    await wait(LOCK_TIMEOUT_MS);
    return { failure: outcomes.locked };
  }
  const obstacle = obstacleTo(refund, scenario, release, now());
  if (obstacle) return { failure: obstacle.failure };
  await callChannel(refund, context);
  const verdict = judge(refund, scenario, context);
  if (verdict.kind === "aborted") return { failure: verdict.failure };
  const target = release.targets[verdict.kind];
  // A channel that fails leaves the row as it was loaded.
  if (!target) return verdict.kind === "undetermined" ? { status: before, adjust: false } : current();
  const key = `trade ${refund.orderNo}`;
  const lock = await locks.acquire(key);
  if (!lock) return { failure: outcomes.locked };
  try {
    const failure = await settleInProgress(refund, target, context);
    return failure ? { failure } : current();
  } finally {
    locks.release(key, lock);
  }
}

/** Writes a final status. A refund in `init` cannot succeed, and ending it otherwise is a conflict. */
async function settleInProgress(refund: Refund, target: FinalStatus, context: SyncContext) {
  const { release: { finalStatuses, outcomes }, ledger, wait, commitMs } = context;
  if (finalStatuses.includes(refund.status)) return undefined;
  if (refund.status === "init") return target === "success" ? undefined : outcomes.conflict;
  const change = ledger.prepare(load(refund), target);
  if (!change) return outcomes.orderMissing;
  if (commitMs > 0) await wait(commitMs);
  return ledger.commit(change) || target === "success" ? undefined : outcomes.conflict;
}

async function callChannel(refund: Refund, { latencyMs, wait }: SyncContext): Promise<void> {
  const ms = refund.latencyMs ?? latencyMs;
  if (ms > 0) await wait(ms);
}

function judge({ channel, error }: Refund, scenario: Scenario, { release, shippedTables }: SyncContext) {
  // Some releases go on although the channel is switched off.
  const state = isChannelState(scenario) ? scenario : "SUCCESS";
  return release.judge({ channel, state, error }, { shipped: shippedTables });
}

/** What keeps a sync from calling the channel. Before its own try block, an exception of 3.x leaves the lock behind. */
function obstacleTo({ channel, requestedAt }: Refund, scenario: Scenario, { outcomes }: Release, now: number) {
  const young = channel === "ali_pay" && now - requestedAt < YOUNG_MS ? outcomes.young : undefined;
  const early = outcomes.unsupported(channel) ?? (scenario === "nullPointer" ? outcomes.nullPointer : young);
  if (early) return { failure: early, keepsLock: outcomes.earlyKeepsLock };
  const failure = failureOf(scenario, channel, outcomes);
  return failure && { failure, keepsLock: false };
}

function failureOf(scenario: Scenario, channel: string, outcomes: Release["outcomes"]): Failure | undefined {
  if (scenario === "channelMissing" || outcomes.unconfigured.includes(channel)) return outcomes.channelMissing(channel);
  if (scenario === "channelOff") return outcomes.channelOff(channel);
  if (scenario === "exception") return outcomes.exception;
}

interface Settlement {
  readonly result: SyncResult;
  /** The write that is still to be committed. */
  readonly change?: Change;
}

/** Changes the loaded row as the channel's answer demands. */
function settle(row: LoadedRow, scenario: Scenario, context: SyncContext): Settlement {
  const { release, ledger } = context;
  const verdict = judge(row.refund, scenario, context);
  if (verdict.kind === "aborted") return { result: { failure: verdict.failure } };
  const before = row.status;
  // 3.x has nothing to adjust only where a success meets another one, a failure or a running refund.
  const consistent = before === "success" && (verdict.kind === "success" || verdict.kind === "failed");
  const target = consistent ? undefined : release.targets[verdict.kind];
  const change = target && ledger.prepare(row, target, verdict.kind === "failed" ? verdict.error : null);
  if (target && !change) return { result: { failure: release.outcomes.orderMissing } };
  const status = release.statuses?.[verdict.kind] ?? row.status;
  return { result: { status, adjust: consistent }, change };
}
