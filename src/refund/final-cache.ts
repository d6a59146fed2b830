import QuickLRU from "quick-lru";
import type { RefundState } from "./state.ts";

/** Remembers the final states of refunds seen lately, within one process. */
export interface FinalStateCache {
  get(key: string): RefundState | undefined;
  /** Keeps a final state; returns the earlier final one that it contradicts, if there is one. */
  record(key: string, state: RefundState): RefundState | undefined;
}

/** So many refunds are remembered. */
const SIZE = 10_000;

export function createFinalStateCache(): FinalStateCache {
  const states = new QuickLRU<string, RefundState>({ maxSize: SIZE });
  return {
    get: (key) => states.get(key),
    record(key, state) {
      const before = states.get(key);
      if (state.nextSyncDelayMs === undefined) states.set(key, state);
      else states.delete(key);
      return before && before.status !== state.status ? before : undefined;
    },
  };
}
