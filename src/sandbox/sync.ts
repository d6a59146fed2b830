import { isChannelState } from "./channel.ts";
import type { Failure } from "./failure.ts";
import type { Change, Ledger } from "./ledger.ts";
import { LOCK_TIMEOUT_MS, type Locks } from "./lock.ts";
import type { Scenario } from "./refunds.ts";
import type { Release } from "./release.ts";
import { load, type LoadedRow, type Refund } from "./rows.ts";

/** Alipay's refunds can be synced on 3.x when they are this old. */
const YOUNG_MS = 10_000;

/** Result of a sync: a failure, or the status that the release returns. */
export type SyncResult =
  | { readonly failure: Failure }
  | {
    readonly status: string;
    /** 3.x: whether the stored refund already was as the channel says, against the member's name. */
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

/**
 * Syncs a refund as RefundSyncService does, oddities included: the row is loaded before the lock and never again, the
 * lock expires while the channel is called, and it is released before the transaction is committed.
 */
export async function syncRefund(refund: Refund, context: SyncContext): Promise<SyncResult> {
  const { release, ledger, locks, now, wait } = context;
  const { outcomes } = release;
  const row = load(refund);
  refund.syncs++;
  if (release.closedIsFinal && row.status === "close") return { status: "close", adjust: false };
  if (refund.scenarios[0] === "interfaceOff") return { failure: outcomes.interfaceOff };
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
  const latencyMs = refund.latencyMs ?? context.latencyMs;
  if (latencyMs > 0) await wait(latencyMs);
  const { result, change } = settle(row, scenario, context);
  locks.release(refund.refundNo, lock);
  if (!change) return result;
  if (context.commitMs > 0) await wait(context.commitMs);
  return ledger.commit(change) ? result : { failure: outcomes.exception };
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
function settle(row: LoadedRow, scenario: Scenario, { release, ledger, shippedTables }: SyncContext): Settlement {
  const { channel, error } = row.refund;
  // Some releases go on although the channel is switched off.
  const state = isChannelState(scenario) ? scenario : "SUCCESS";
  const verdict = release.judge({ channel, state, error }, { shipped: shippedTables });
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
