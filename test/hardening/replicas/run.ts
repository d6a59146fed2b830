import type { RefundView } from "../../../src/sandbox/rows.ts";
import type { OutcomeCounts } from "../chaos-outcome.ts";
import { pause } from "../chaos-pause.ts";
import { createRandom } from "../chaos-random.ts";
import { type Received, runCaller, trackAll } from "./callers.ts";
import { watchClaims } from "./claims.ts";
import { type AllClients, clientsOf } from "./clients.ts";
import { JOURNAL_KEY, startCluster } from "./cluster.ts";
import { killAtRandom, setFaults, stepClock } from "./disturb.ts";
import { pauseBetweenClaimAndSend, type PausedReport } from "./paused.ts";
import { LONGEST_CHANNEL_MS, planRefunds } from "./plan.ts";
import { startReader } from "./reader.ts";
import { eventViolations, finalStates, journalViolations, readStored, refundViolations, unfinished } from "./store.ts";

export interface ReplicasOptions {
  readonly replicas: number;
  readonly refunds: number;
  readonly kills: number;
  /** How long refunds are tracked, and replicas killed. */
  readonly seconds: number;
  readonly seed: number;
  /** Whether the database's clock is stepped. */
  readonly clockSteps: boolean;
  /** Whether a replica is stopped for a minute between a claim and its sync. */
  readonly pause: boolean;
  /** Whether the run goes on until no sync is in doubt and all refunds that have ended are known as final. */
  readonly settle: boolean;
  readonly print: (line: string) => void;
}

export interface ReplicasReport {
  readonly refunds: readonly RefundView[];
  /** Of callers, by RPC. */
  readonly outcomes: OutcomeCounts;
  readonly faults: Readonly<Record<string, number>>;
  readonly clockSteps: number;
  readonly paused: PausedReport | undefined;
  /** Syncs that were in doubt for a while. */
  readonly doubts: number;
  /** Of the journal. */
  readonly events: number;
  /** How often readers resumed. */
  readonly reconnects: number;
  /** Counts of rows by their tracking state. */
  readonly states: Readonly<Record<string, number>>;
  /** Errors that the replicas have logged, with their counts. */
  readonly errors: Readonly<Record<string, number>>;
  readonly settleSeconds: number;
  readonly violations: readonly string[];
}

const TIMEOUT_MS = 3_000;
const SETTLE_MS = LONGEST_CHANNEL_MS + 3_000;
/** Milliseconds until the claim of a replica that is gone is seen (5 s), sent (5 s), settled, and ended (5 s). */
const DOUBT_PERIOD_MS = 15_000 + SETTLE_MS;
const CALLERS = 4;
const READERS = 2;
/** The part of the time in which refunds begin to be tracked. */
const TRACKING = 0.85;
const PAUSE_MS = 60_000;
/** Milliseconds of the sync that takes over from a stopped replica. */
const TAKEOVER_MS = 2_500;
/**
 * Milliseconds until PostgreSQL has ended the transactions of a stopped replica: it counts them by the wall clock
 * (timeout.c), so that after a step back their locks would be held for as much longer.
 */
const STEADY_MS = 8_000;
/** Milliseconds until everything is settled: a job that was lost is planned again after a minute. */
const MAX_SETTLE_MS = 150_000;
const MAX_READ_MS = 20_000;
const LOOK_MS = 250;

/** Kills replicas at random while they track refunds, then compares DaxPay's books, the database and what readers saw. */
export async function runReplicas(options: ReplicasOptions): Promise<ReplicasReport> {
  const seeds = createRandom(options.seed);
  // One for each activity, so that their timing does not change what the others draw.
  const nextRandom = () => createRandom(seeds.between(0, 2 ** 31));
  const planned = planRefunds(options.refunds, nextRandom());
  const violations: string[] = [];

  await using cluster = await startCluster({
    replicas: options.replicas,
    postgres: { fsync: true, clock: options.clockSteps },
    refunds: planned.map(({ refund }) => refund),
    timeoutMs: TIMEOUT_MS,
    settleMs: SETTLE_MS,
    onViolation: (violation) => violations.push(violation),
  });
  const { sandbox, books, postgres, database, replicas } = cluster;

  const ms = options.seconds * 1000;
  const startedAt = performance.now();
  const over = AbortSignal.timeout(ms);
  const readersOver = new AbortController();
  const clients = replicas.map(clientsOf) as unknown as AllClients;
  const received: Received = { outcomes: {}, finals: new Map(), violations };

  function print(line: string): void {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    options.print(`${seconds} s: ${line}, ${books.syncsInProgress().length} syncs in progress`);
  }
  const disturbance = () => ({ random: nextRandom(), over, print });
  /** Those that DaxPay is syncing now: a second sync of one of them would do harm. */
  const synced = () => books.syncsInProgress().map(({ members }) => String(members?.refundNo));
  const caller = () => ({ random: nextRandom(), over, clients });

  let steadyUntil = 0;
  async function pauseOne(): Promise<PausedReport | undefined> {
    await pause(ms / 10);
    const report = await pauseBetweenClaimAndSend(cluster, {
      takeoverAfterMs: PAUSE_MS,
      channelMs: TAKEOVER_MS,
      onStop: () => steadyUntil = performance.now() + STEADY_MS,
    });
    print(`a replica was stopped for ${PAUSE_MS / 1000} s, and its call ended with ${report.outcome}`);
    violations.push(...report.violations);
    return report;
  }

  const claims = watchClaims(database, TIMEOUT_MS + 1_000, readersOver.signal);
  /** Waits until what the run has left is settled, as long as that may take. */
  async function settle(): Promise<void> {
    const begunAt = performance.now();
    for (;;) {
      const stored = await readStored(database);
      const late = unfinished(planned.map(({ refund }) => refund.refundNo), sandbox, stored);
      const passedMs = performance.now() - begunAt;
      if (claims.oldestMs(begunAt) > DOUBT_PERIOD_MS) {
        violations.push(`a sync is in doubt for more than ${DOUBT_PERIOD_MS / 1000} s`);
        return;
      }
      if (passedMs > DOUBT_PERIOD_MS && claims.doubtsLeft() === 0 && late.length === 0) return;
      if (passedMs > MAX_SETTLE_MS) {
        violations.push(`${late.length} refunds that have ended are not final: ${late.slice(0, 5)}`);
        return;
      }
      await pause(LOOK_MS);
    }
  }

  const readers = Array.from({ length: READERS }, () => startReader({ ...caller(), over: readersOver.signal }));
  const [faults, clockSteps, paused] = await Promise.all([
    setFaults(sandbox, disturbance()),
    options.clockSteps ? stepClock(postgres, () => performance.now() > steadyUntil, disturbance()) : 0,
    options.pause ? pauseOne() : undefined,
    killAtRandom(replicas, options.kills, ms, disturbance()),
    trackAll(planned, ms * TRACKING, received, caller()),
    ...Array.from({ length: CALLERS }, () => runCaller(planned, received, synced, caller())),
  ]);
  const settlingAt = performance.now();
  if (options.settle) await settle();
  const settleSeconds = (performance.now() - settlingAt) / 1000;

  const [{ head }] = await database.query<{ head: number }>("SELECT COALESCE(max(seq), 0) AS head FROM journal");
  const latest = performance.now() + MAX_READ_MS;
  while (readers.some(({ events }) => events.length < head) && performance.now() < latest) await pause(LOOK_MS);
  readersOver.abort();
  await Promise.all([claims.done, ...readers.map(({ done }) => done)]);
  await Promise.all(replicas.map((replica) => replica.stop("SIGTERM")));
  await books.close();

  const stored = await readStored(database);
  const heads = replicas.flatMap((replica) => replica.heads());
  violations.push(
    ...books.violations(),
    ...books.contradictions(received.finals.values()),
    ...books.contradictions(finalStates(stored)),
    ...refundViolations(planned, stored),
    ...await journalViolations(database, JOURNAL_KEY, heads),
    ...await eventViolations(database, { readers, head, stored }),
    ...readers.flatMap(({ untyped }) =>
      [...untyped].map((problem) => `a reader received an untyped error: ${problem}`)
    ),
  );
  return {
    refunds: sandbox.refunds(),
    outcomes: received.outcomes,
    faults,
    clockSteps,
    paused,
    doubts: claims.doubts(),
    events: head,
    reconnects: readers.reduce((sum, reader) => sum + reader.reconnects(), 0),
    states: countTexts(stored.map(({ trackingState }) => trackingState ?? "untracked")),
    errors: countTexts(replicas.flatMap((replica) => replica.errors())),
    settleSeconds,
    violations,
  };
}

function countTexts(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
