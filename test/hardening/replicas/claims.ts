import type { Database } from "../../../src/store/database.ts";
import { pause } from "../chaos-pause.ts";

/** The claims of all replicas, observed in the database. */
export interface ClaimWatch {
  /** Claims that stayed open: their syncs were in doubt, or the replica that held them was gone. */
  doubts(): number;
  /** Those of them that are still open. */
  doubtsLeft(): number;
  /** For how many milliseconds the oldest open claim has been open since that performance.now. */
  oldestMs(since: number): number;
  /** Resolves when the signal, at which the observation ends, has aborted. */
  readonly done: Promise<void>;
}

const LOOK_MS = 200;

/** `doubtAfterMs`: milliseconds after which a claim whose replica lives has been answered or marked as in doubt. */
export function watchClaims(database: Database, doubtAfterMs: number, over: AbortSignal): ClaimWatch {
  /** When each open claim was first seen, by performance.now. */
  let seen = new Map<string, number>();
  const doubts = new Set<string>();

  async function watch(): Promise<void> {
    while (!over.aborted) {
      const rows = await database.query<{ claim: string; in_doubt: boolean }>(
        "SELECT claim, in_doubt FROM refund WHERE claim IS NOT NULL",
      );
      const now = performance.now();
      seen = new Map(rows.map(({ claim }) => [claim, seen.get(claim) ?? now]));
      for (const { claim, in_doubt } of rows) {
        if (in_doubt || now - (seen.get(claim) ?? now) > doubtAfterMs) doubts.add(claim);
      }
      await pause(LOOK_MS, over);
    }
  }

  return {
    doubts: () => doubts.size,
    doubtsLeft: () => [...seen.keys()].filter((claim) => doubts.has(claim)).length,
    oldestMs: (since) => Math.max(0, ...[...seen.values()].map((at) => performance.now() - Math.max(at, since))),
    done: watch(),
  };
}
