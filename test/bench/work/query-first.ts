import { fastestProtocolOf, launch, nextRefundNo, type Running, untilReady } from "../contender.ts";
import { openCallers } from "../load/callers.ts";
import { type Load, load } from "../load/load.ts";
import { QUERY_FIRST, QUERY_FIRST_3, type Setup, SYNC_ONLY } from "../setup.ts";
import { countRequests, type Upstream } from "../upstream.ts";

/** The service with one release and query mode. */
export interface QueryFirstResult {
  readonly setup: Setup;
  /** DaxPay requests that one call causes. */
  readonly requestsPerCall: number;
  readonly rounds: Load[];
}

export interface QueryFirstPlan {
  readonly rounds: number;
  readonly callers: number;
  /** Milliseconds of each measurement, and of the warm-up. */
  readonly ms: number;
  readonly warmUpMs: number;
}

export interface QueryFirstOptions extends QueryFirstPlan {
  /** Running DaxPay 2.0.8 and 3.0.0, in any order. */
  readonly upstreams: readonly Upstream[];
  readonly folder: string;
}

/** Compares syncs that follow a query with syncs alone, over gRPC. The first result is that of the syncs alone. */
export async function measureQueryFirst(options: QueryFirstOptions): Promise<QueryFirstResult[]> {
  const { rounds, callers, ms, warmUpMs, upstreams, folder } = options;
  const protocol = fastestProtocolOf("service");
  const cases = [SYNC_ONLY, QUERY_FIRST, QUERY_FIRST_3].map((setup) => {
    const upstream = upstreamOf(setup, upstreams);
    const running = launch("service", { upstream, queryMode: setup.queryMode, folder });
    return { setup, upstream, running, rounds: [] as Load[] };
  });
  try {
    const results: QueryFirstResult[] = [];
    for (const { setup, upstream, running, rounds } of cases) {
      await untilReady(running);
      results.push({ setup, rounds, requestsPerCall: await requestsPerCall(running, upstream) });
      await load(running, { protocol, callers, ms: warmUpMs });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { running, rounds } of round % 2 === 0 ? cases : cases.toReversed()) {
        rounds.push(await load(running, { protocol, callers, ms }));
      }
    }
    return results;
  } finally {
    for (const { running } of cases) await running.process.stop();
  }
}

function upstreamOf({ release }: Setup, upstreams: readonly Upstream[]): Upstream {
  const upstream = upstreams.find((upstream) => upstream.release === release);
  if (!upstream) throw new RangeError(`expected an upstream of DaxPay ${release}, got none`);
  return upstream;
}

async function requestsPerCall(running: Running, upstream: Upstream): Promise<number> {
  const callers = await openCallers(1, fastestProtocolOf(running.contender), running);
  const refundNo = nextRefundNo();
  try {
    await callers.sync(0, refundNo);
  } finally {
    callers.close();
  }
  return await countRequests(upstream, refundNo);
}
