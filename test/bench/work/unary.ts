import { type Contender, protocolsOf, type Running } from "../contender.ts";
import type { Protocol } from "../load/callers.ts";
import { type Load, load } from "../load/load.ts";

/** One contender under one protocol and number of callers. */
export interface UnaryResult {
  readonly contender: Contender;
  readonly protocol: Protocol;
  readonly callers: number;
  readonly rounds: Load[];
}

export interface UnaryPlan {
  readonly rounds: number;
  readonly callers: readonly number[];
  /** Milliseconds of each measurement, and of the warm-up. */
  readonly ms: number;
  readonly warmUpMs: number;
}

const WARM_UP_CALLERS = 16;

/** Measures every contender under each of its protocols. Rounds are interleaved, every other one in reverse order. */
export async function measureUnary(contenders: readonly Running[], plan: UnaryPlan): Promise<UnaryResult[]> {
  const targets = contenders.flatMap((running) =>
    protocolsOf(running.contender).map((protocol) => ({ running, protocol }))
  );
  for (const { running, protocol } of targets) {
    await load(running, { protocol, callers: WARM_UP_CALLERS, ms: plan.warmUpMs });
  }
  const cases = plan.callers.flatMap((callers) =>
    targets.map(({ running, protocol }) => ({
      running,
      result: { contender: running.contender, protocol, callers, rounds: [] } as UnaryResult,
    }))
  );
  for (let round = 0; round < plan.rounds; round++) {
    for (const { running, result } of round % 2 === 0 ? cases : cases.toReversed()) {
      const { protocol, callers } = result;
      result.rounds.push(await load(running, { protocol, callers, ms: plan.ms }));
    }
  }
  return cases.map(({ result }) => result);
}
