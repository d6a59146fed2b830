import type { Database } from "../../../src/store/database.ts";
import { describe, describeError } from "../chaos-outcome.ts";
import { pause } from "../chaos-pause.ts";
import { clientsOf } from "./clients.ts";
import type { Cluster } from "./cluster.ts";
import type { Replica } from "./replica.ts";

export interface PausedOptions {
  /** How long it is stopped before another replica is called, which takes over as soon as the claim does not count. */
  readonly takeoverAfterMs: number;
  /** Milliseconds of the other replica's sync, during which the stopped one goes on. */
  readonly channelMs: number;
  /** Called when it has been stopped. */
  readonly onStop?: () => void;
}

export interface PausedReport {
  /** How the call of the stopped replica ended. */
  readonly outcome: string;
  readonly syncs: number;
  readonly violations: readonly string[];
}

/** Milliseconds by which the replies of the database are late, so that there is time between a commit and its reply. */
const LATENCY_MS = 60;
const LOOK_MS = 2;
const MAX_ATTEMPTS = 10;
const MAX_TAKEOVER_MS = 60_000;
/** Milliseconds that the stopped replica has to do something wrong. */
const WATCH_MS = 500;

/**
 * Stops the first replica between the commit of its claim and the sync that it claimed. When it goes on, another replica has
 * taken over: DaxPay's query still says that the refund is in progress, so that only the claim's age keeps it from a second
 * sync.
 */
export async function pauseBetweenClaimAndSend(
  { sandbox, database, proxy, replicas: [replica, other] }: Cluster,
  { takeoverAfterMs, channelMs, onStop }: PausedOptions,
): Promise<PausedReport> {
  const violations: string[] = [];
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const refundNo = `PAUSED-${attempt}`;
    sandbox.addRefund({ refundNo, state: "CLOSED", latencyMs: channelMs });
    const syncs = () => sandbox.refund(refundNo)?.syncs ?? 0;
    const sync = async (replica: Replica) => {
      const timeoutMs = takeoverAfterMs + MAX_TAKEOVER_MS;
      return await clientsOf(replica).sync.syncRefund({ refundNo }, { timeoutMs })
        .then(({ refund }) => describe(refund), (error) => describeError(error, false, "SyncRefund"));
    };

    while (!replica.isRunning()) await pause(LOOK_MS);
    replica.killable = false;
    proxy.setLatency(LATENCY_MS);
    const outcome = sync(replica);
    let ended = false;
    outcome.then(() => ended = true);
    while (!ended && !(await isClaimed(database, refundNo))) await pause(LOOK_MS);
    proxy.holdReplies();
    replica.signal("SIGSTOP");
    onStop?.();
    proxy.setLatency(0);
    proxy.release();
    await pause(LATENCY_MS);
    if (ended || syncs() > 0) {
      // The moment has passed.
      replica.signal("SIGCONT");
      replica.killable = true;
      continue;
    }

    await pause(takeoverAfterMs);
    if (syncs() > 0) violations.push(`${refundNo} was synced by a replica that was stopped before`);
    while (!other.isRunning()) await pause(LOOK_MS);
    other.killable = false;
    const latest = performance.now() + MAX_TAKEOVER_MS;
    let takenOver: Promise<unknown> | undefined;
    // A call may meet one of DaxPay's faults.
    while (syncs() === 0 && performance.now() < latest) {
      takenOver ??= sync(other).finally(() => takenOver = undefined);
      await pause(LOOK_MS);
    }
    if (syncs() === 0) violations.push(`${refundNo} was not synced by another replica`);
    replica.signal("SIGCONT");
    const [stopped] = await Promise.all([outcome, takenOver]);
    await pause(WATCH_MS);
    replica.killable = true;
    other.killable = true;
    if (syncs() !== 1) violations.push(`${refundNo} was synced ${syncs()} times instead of once`);
    return { outcome: stopped.outcome, syncs: syncs(), violations };
  }
  return { outcome: "none", syncs: 0, violations: ["no replica was stopped between its claim and its sync"] };
}

async function isClaimed(database: Database, refundNo: string): Promise<boolean> {
  const rows = await database.query("SELECT 1 FROM refund WHERE refund_no = $1 AND claim IS NOT NULL", [refundNo]);
  return rows.length > 0;
}
