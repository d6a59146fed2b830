/** Collects the parameters of one statement. */
export interface SqlValues {
  readonly values: readonly unknown[];
  /** Adds a parameter and returns its placeholder, for example "$3". */
  add(value: unknown): string;
}

export function createSqlValues(): SqlValues {
  const values: unknown[] = [];
  return {
    values,
    add: (value) => `$${values.push(value)}`,
  };
}
