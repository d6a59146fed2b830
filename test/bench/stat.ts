/** Repeated measurements of one value. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Linear interpolation between the closest ranks; NaN without values. `fraction`: 0 to 1. */
export function quantile(values: ArrayLike<number>, fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return NaN;
  const rank = (sorted.length - 1) * fraction;
  const low = Math.floor(rank);
  return sorted[low] + (sorted[Math.ceil(rank)] - sorted[low]) * (rank - low);
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** Ratios by round: noise affects both values of a round alike. */
export function ratioOf(values: readonly number[], others: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / others[round]));
}
