import { type Client, ConnectError } from "@connectrpc/connect";
import type { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { errorOutcome, stateOutcome } from "../support/outcome.ts";

export interface ClockStep {
  /** How far the service's wall clock was ahead of DaxPay's, in seconds. */
  readonly aheadSeconds: number;
  /** How the last call ended meanwhile. */
  readonly outcome: string;
  /** How the last call ended after the step back, and after how many milliseconds. */
  readonly outcomeAfter: string;
  readonly recoveredMs: number;
}

/** Steps of the wall clock, when they happen as a part of the run, and how a call has to end meanwhile. */
export const CLOCK_STEPS = [
  { at: 0.05, aheadSeconds: 900, expected: ["REPLY_MISMATCHED", "CLOCK_SKEW"] },
  { at: 0.2, aheadSeconds: -900, expected: ["REPLY_MISMATCHED", "CLOCK_SKEW"] },
  // Within DaxPay's and the service's tolerance of 5 minutes.
  { at: 0.4, aheadSeconds: -60, expected: ["SUCCEEDED"] },
] as const;

/** Milliseconds until a call has to succeed after the step back, and until the probe gives up. */
const MAX_RECOVERY_MS = 2_000;
const PROBE_TIMEOUT_MS = 10_000;
const PROBE_CALL_TIMEOUT_MS = 1_000;
const PROBE_PAUSE_MS = 10;

/** Returns a function that syncs new refunds until one call ends as expected, or for 10 s; returns how the last one ended. */
export function createClockProbe(client: Client<typeof RefundSyncService>) {
  let calls = 0;
  return async (expected: readonly string[]): Promise<{ readonly outcome: string; readonly ms: number }> => {
    const startedAt = performance.now();
    for (;;) {
      const request = client.syncRefund({ refundNo: `LOAD-CLOCK-${calls++}` }, { timeoutMs: PROBE_CALL_TIMEOUT_MS });
      const outcome = await request.then(
        ({ refund }) => refund ? stateOutcome(refund).status : "no refund",
        (error) => ConnectError.from(error).details.length > 0 ? errorOutcome(error).reason : String(error),
      );
      const ms = Math.round(performance.now() - startedAt);
      if (expected.includes(outcome) || ms > PROBE_TIMEOUT_MS) return { outcome, ms };
      await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS));
    }
  };
}

/** What went wrong during and after a step of the clock. */
export function clockStepProblems(step: ClockStep, expected: readonly string[]): string[] {
  const { aheadSeconds, outcome, outcomeAfter, recoveredMs } = step;
  const clock = `clock ${aheadSeconds} s ahead`;
  return [
    ...(expected.includes(outcome) ? [] : [`${clock}: expected ${expected.join(" or ")}, got ${outcome}`]),
    ...(outcomeAfter === "SUCCEEDED" && recoveredMs <= MAX_RECOVERY_MS ? [] : [
      `${clock} and set back: expected success within ${MAX_RECOVERY_MS} ms, got ${outcomeAfter} after ${recoveredMs} ms`,
    ]),
  ];
}
