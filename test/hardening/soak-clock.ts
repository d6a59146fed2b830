import path from "node:path";
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

export interface SteppableClock extends Disposable {
  /** Environment variables of a process that reads the clock. */
  readonly variables: Readonly<Record<string, string>>;
  /** Sets the process's wall clock to this many milliseconds ahead of the system's; negative: behind. */
  set(aheadMs: number): void;
}

const SOURCE = path.resolve(import.meta.dirname ?? "", "clock-step.c");

/** Compiles a library that shifts a process's wall clock. Throws NotSupported or, without a C compiler, NotFound. */
export function createSteppableClock(): SteppableClock {
  if (Deno.build.os !== "linux") throw new Deno.errors.NotSupported(`expected Linux, got ${Deno.build.os}`);
  const folder = Deno.makeTempDirSync();
  const remove = () => Deno.removeSync(folder, { recursive: true });
  const library = path.join(folder, "clock-step.so");
  const step = path.join(folder, "step");
  const set = (aheadMs: number) => {
    // In place: the library has the file mapped.
    using file = Deno.openSync(step, { write: true, create: true });
    file.writeSync(new Uint8Array(new BigInt64Array([BigInt(aheadMs)]).buffer));
  };
  try {
    set(0);
    const args = ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"];
    const { success, stderr } = new Deno.Command("cc", { args }).outputSync();
    if (!success) throw new Error(`cc: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { variables: { LD_PRELOAD: library, CLOCK_STEP_FILE: step }, set, [Symbol.dispose]: remove };
}

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
