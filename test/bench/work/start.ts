import { answering, type Contender, launch, type StartOptions } from "../contender.ts";

/** Starting a contender. */
export interface ColdStart {
  readonly contender: Contender;
  /** Milliseconds from the start of the process to its first right answer. */
  readonly ms: number[];
  /** Bytes in RAM then. */
  readonly rss: number[];
}

export async function measureStarts(
  contenders: readonly Contender[],
  { rounds, ...options }: StartOptions & { readonly rounds: number },
): Promise<ColdStart[]> {
  const starts = contenders.map((contender): ColdStart => ({ contender, ms: [], rss: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const { contender, ms, rss } of starts) {
      const begunAt = performance.now();
      const started = launch(contender, options);
      await answering(started);
      ms.push(performance.now() - begunAt);
      rss.push(started.process.rss());
      await started.process.stop();
    }
  }
  return starts;
}
