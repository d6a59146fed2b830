import { type Contender, launch, type LaunchOptions, untilReady } from "../contender.ts";

/** Starts of a contender, by round. */
export interface StartResult {
  readonly contender: Contender;
  /** Milliseconds from the start of the process to its first correct response. */
  readonly ms: number[];
  /** Resident set size after that response, in bytes. */
  readonly rss: number[];
}

export async function measureStarts(
  contenders: readonly Contender[],
  { rounds, ...options }: LaunchOptions & { readonly rounds: number },
): Promise<StartResult[]> {
  const results = contenders.map((contender): StartResult => ({ contender, ms: [], rss: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const { contender, ms, rss } of results) {
      const startedAt = performance.now();
      const running = launch(contender, options);
      await untilReady(running);
      ms.push(performance.now() - startedAt);
      rss.push(running.process.rss());
      await running.process.stop();
    }
  }
  return results;
}
