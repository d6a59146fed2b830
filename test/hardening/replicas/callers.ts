import type { RefundView } from "../../../src/sandbox/rows.ts";
import { countOutcome, describe, describeError, type FinalState, type OutcomeCounts } from "../chaos-outcome.ts";
import { pause } from "../chaos-pause.ts";
import type { CallerOptions } from "./clients.ts";
import type { PlannedRefund } from "./plan.ts";

export interface Received {
  readonly outcomes: OutcomeCounts;
  /** Final states by refund and status. */
  readonly finals: Map<string, FinalState & Pick<RefundView, "refundNo">>;
  readonly violations: string[];
}

const KINDS = ["SyncRefund", "SyncRefund", "SyncRefund", "WatchRefund", "GetTrackedRefund"] as const;
const TIMEOUTS_MS: readonly [number, ...number[]] = [200, 2_000, 10_000, 20_000];
const WAIT_MS = [10, 200] as const;
const PREFERRED = 0.5;
const MAX_BATCH = 60;

/** Calls about random refunds until the end; `preferred` returns the numbers of those that it takes more often. */
export async function runCaller(
  refunds: readonly PlannedRefund[],
  received: Received,
  preferred: () => readonly string[],
  { clients, random, over }: CallerOptions,
): Promise<void> {
  const byNumber = new Map(refunds.map(({ refund }) => [refund.refundNo, refund]));

  function pickRefund(): PlannedRefund["refund"] {
    const [first, ...others] = random.chance(PREFERRED) ? preferred() : [];
    const chosen = first === undefined ? undefined : byNumber.get(random.pick([first, ...others]));
    return chosen ?? refunds[random.between(0, refunds.length)].refund;
  }

  while (!over.aborted) {
    const { refundNo, bizRefundNo } = pickRefund();
    const by = random.pick(["refundNo", "bizRefundNo", "both"]);
    const request = {
      refundNo: by === "bizRefundNo" ? "" : refundNo,
      bizRefundNo: by === "refundNo" ? "" : bizRefundNo,
    };
    const kind = random.pick(KINDS);
    const { sync, tracking } = random.pick(clients);
    const signal = random.chance(0.2) ? AbortSignal.any([over, AbortSignal.timeout(random.between(0, 3_000))]) : over;
    const options = { signal, timeoutMs: random.pick(TIMEOUTS_MS) };
    try {
      switch (kind) {
        case "SyncRefund":
          receive(received, kind, describe((await sync.syncRefund(request, options)).refund));
          break;
        case "WatchRefund":
          for await (const { outcome } of sync.watchRefund(request, options)) {
            receive(received, kind, describe(outcome.value));
          }
          break;
        case "GetTrackedRefund": {
          const name = by === "both" ? { refundNo } : request;
          const { trackedRefund } = await tracking.getTrackedRefund(name, options);
          receive(received, kind, describe(trackedRefund?.refund));
        }
      }
    } catch (error) {
      receive(received, kind, describeError(error, signal.aborted, kind));
    }
    await pause(random.between(...WAIT_MS), over);
  }
}

function receive({ outcomes, finals, violations }: Received, kind: string, outcome: ReturnType<typeof describe>): void {
  countOutcome(outcomes, kind, outcome.outcome);
  const { final, untyped } = outcome;
  if (final) finals.set(`${final.refundNo} ${final.status}`, final);
  if (untyped) violations.push(`a caller received an untyped error: ${untyped}`);
}

/** Has all refunds tracked in batches, evenly over the given time; each batch is repeated until a replica accepts it. */
export async function trackAll(
  refunds: readonly PlannedRefund[],
  ms: number,
  received: Received,
  { clients, random, over }: CallerOptions,
): Promise<void> {
  const startedAt = performance.now();
  for (let from = 0; from < refunds.length;) {
    const batch = refunds.slice(from, from + random.between(1, MAX_BATCH));
    const requests = batch.map(({ refund: { refundNo, bizRefundNo }, byBizRefundNo }) => ({
      ...(byBizRefundNo ? { bizRefundNo } : { refundNo }),
      labels: { run: "chaos" },
    }));
    await pause(startedAt + from / refunds.length * ms - performance.now(), over);
    // Now and then once more, which changes nothing.
    for (let times = random.chance(0.2) ? 2 : 1; times > 0;) {
      try {
        const { results } = await random.pick(clients).tracking.batchTrackRefunds({ requests }, { timeoutMs: 1_500 });
        for (const { outcome } of results) {
          if (outcome.case !== "trackedRefund") received.violations.push(`a refund was not tracked: ${outcome.case}`);
        }
        countOutcome(received.outcomes, "BatchTrackRefunds", "complete");
        times--;
      } catch (error) {
        receive(received, "BatchTrackRefunds", describeError(error, false, "BatchTrackRefunds"));
        await pause(200);
      }
    }
    from += batch.length;
  }
}
