/** Deeper chains are cut, as a cause may lead back to its own error. */
const MAX_DEPTH = 8;

/** Lists an error and its causes, outermost first, at most 8 of them. */
export function causeChain(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let current = error;
  while (current !== undefined && current !== null && chain.length < MAX_DEPTH) {
    chain.push(current);
    current = current instanceof Error ? current.cause : undefined;
  }
  return chain;
}
