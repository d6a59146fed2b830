import { protocolsOf, type Started } from "../contender.ts";
import type { Protocol } from "../load/caller.ts";
import { type Load, load } from "../load/load.ts";

/** One contender, spoken to by one protocol, by so many callers. */
export interface Cell {
  readonly contender: Started["contender"];
  readonly protocol: Protocol;
  readonly callers: number;
  /** One for each round. */
  readonly rounds: Load[];
}

export interface UnaryPlan {
  readonly rounds: number;
  readonly callers: readonly number[];
  /** Milliseconds of each measurement, and before the first one. */
  readonly ms: number;
  readonly warmMs: number;
}

/** Unary calls of every contender by each of its protocols. Every round measures all of them, each in another order. */
export async function measureUnary(contenders: readonly Started[], plan: UnaryPlan): Promise<Cell[]> {
  const lines = contenders.flatMap((started) =>
    protocolsOf(started.contender).map((protocol) => ({ started, protocol }))
  );
  for (const { started, protocol } of lines) await load(started, { protocol, callers: 16, ms: plan.warmMs });
  const cells = plan.callers.flatMap((callers) =>
    lines.map(({ started, protocol }) => ({
      started,
      cell: { contender: started.contender, protocol, callers, rounds: [] } as Cell,
    }))
  );
  for (let round = 0; round < plan.rounds; round++) {
    for (const { started, cell } of round % 2 === 0 ? cells : cells.toReversed()) {
      cell.rounds.push(await load(started, { protocol: cell.protocol, callers: cell.callers, ms: plan.ms }));
    }
  }
  return cells.map(({ cell }) => cell);
}
