export interface Random {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number from `from` to below `to`. */
  between(from: number, to: number): number;
  pick<T>(values: readonly [T, ...T[]]): T;
  chance(probability: number): boolean;
}

/** Creates a repeatable source of random numbers: mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
  const between = (from: number, to: number) => Math.floor(from + next() * (to - from));
  return {
    next,
    between,
    pick: (values) => values[between(0, values.length)],
    chance: (probability) => next() < probability,
  };
}
