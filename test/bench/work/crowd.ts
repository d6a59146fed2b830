import { nextRefund, protocolsOf, type Started } from "../contender.ts";
import { openCallers } from "../load/caller.ts";

/** Many callers of one refund at the same moment. */
export interface Crowd {
  readonly contender: Started["contender"];
  /** How many learned the state in time. */
  readonly learned: number[];
  /** Milliseconds until the last of them did. */
  readonly ms: number[];
  /** Requests that DaxPay got. */
  readonly requests: number[];
}

export interface CrowdPlan {
  readonly rounds: number;
  readonly callers: number;
  /** Nobody asks again after so many milliseconds. */
  readonly limitMs: number;
}

/** Milliseconds before a caller asks again that was told that the refund is locked. */
const AGAIN_MS = 100;

/** Over HTTP/1.1 with JSON, as the façades have nothing else. Whoever finds the refund locked asks again. */
export async function measureCrowd(
  contenders: readonly Started[],
  { upstream, ...plan }: CrowdPlan & { readonly upstream: string },
): Promise<Crowd[]> {
  const crowds = contenders.map((started) => ({
    started,
    crowd: { contender: started.contender, learned: [], ms: [], requests: [] } as Crowd,
  }));
  for (let round = 0; round < plan.rounds; round++) {
    for (const { started, crowd } of crowds) await gather(started, crowd, { upstream, ...plan });
  }
  return crowds.map(({ crowd }) => crowd);
}

async function gather(started: Started, crowd: Crowd, plan: CrowdPlan & { readonly upstream: string }): Promise<void> {
  const protocol = protocolsOf(started.contender).includes("REST") ? "REST" : "Connect JSON";
  const callers = await openCallers(plan.callers, protocol, started);
  const refundNo = nextRefund();
  const begunAt = performance.now();
  let learned = 0;
  let lastAt = begunAt;
  try {
    await Promise.all(Array.from({ length: plan.callers }, async (_, caller) => {
      while (performance.now() - begunAt < plan.limitMs) {
        if (await callers.sync(caller, refundNo) === "succeeded") {
          learned++;
          lastAt = performance.now();
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }));
  } finally {
    callers.close();
  }
  crowd.learned.push(learned);
  crowd.ms.push((learned === plan.callers ? lastAt : performance.now()) - begunAt);
  crowd.requests.push(await requestsOf(refundNo, plan.upstream));
}

/** The sandbox keeps the last 10,000 at least. */
async function requestsOf(refundNo: string, upstream: string): Promise<number> {
  const text = await (await fetch(`${upstream}/sandbox/requests`)).text();
  return text.split(`"refundNo":"${refundNo}"`).length - 1;
}
