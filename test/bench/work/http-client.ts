import { CONNECTION_OPTIONS, createHttp, endpoint, nonReplayableBody, readBody } from "../../../src/daxpay/http.ts";
import { readReply } from "../../../src/daxpay/reply.ts";
import { RELEASES } from "../../../src/daxpay/release.ts";
import { signedRequest } from "../../../src/daxpay/request.ts";
import { nextRefund } from "../contender.ts";

/** One signed exchange with DaxPay by one caller: through the product's HTTP client, and through bare fetch. */
export interface HttpClientCost {
  readonly by: "ky" | "fetch";
  /** Microseconds of one exchange, by round. */
  readonly us: number[];
}

export interface HttpClientPlan {
  readonly rounds: number;
  readonly exchanges: number;
}

const TIMEOUT_MS = 10_000;

type Post = (url: URL, body: string) => Promise<Uint8Array>;

export async function measureHttpClient(
  { upstream, rounds, exchanges }: HttpClientPlan & { readonly upstream: string },
): Promise<HttpClientCost[]> {
  using http = createHttp({ fetch, timeoutMs: TIMEOUT_MS });
  using client = Deno.createHttpClient(CONNECTION_OPTIONS);
  const ways: readonly { readonly cost: HttpClientCost; readonly post: Post }[] = [
    { cost: { by: "ky", us: [] }, post: async (url, body) => (await http.post(url, body)).body },
    { cost: { by: "fetch", us: [] }, post: (url, body) => postByFetch(url, body, client) },
  ];
  const url = endpoint(new URL(upstream), RELEASES["2.0.8"].path);
  // The first round lets V8 optimize both.
  for (let round = 0; round <= rounds; round++) {
    for (const { cost, post } of ways) {
      const startedAt = performance.now();
      for (let call = 0; call < exchanges; call++) await exchange(url, post);
      if (round > 0) cost.us.push((performance.now() - startedAt) * 1000 / exchanges);
    }
  }
  return ways.map(({ cost }) => cost);
}

async function exchange(url: URL, post: Post): Promise<void> {
  const context = {
    release: RELEASES["2.0.8"],
    rule: { algorithm: "HMAC_SHA256", upperCase: false } as const,
    timeZone: "Asia/Shanghai",
  };
  const query = { refundNo: nextRefund(), bizRefundNo: "", clientIp: "", nonceStr: "n" };
  const now = Date.now();
  const secret = "123456";
  const identity = { appId: "", mchNo: "" };
  const { body } = signedRequest(query, { ...context, secret, identity, now, nonce: () => "n" });
  const reply = readReply(await post(url, body), { ...context, secrets: [secret], query, now, maxSkewMs: 300_000 });
  if (reply.kind === "failure") throw reply.failure;
}

/** What the product's HTTP client does, without ky: a timeout that covers the body, and a body that is not resent. */
async function postByFetch(url: URL, body: string, client: Deno.HttpClient): Promise<Uint8Array> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const options: RequestInit & { readonly client: Deno.HttpClient } = {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "daxpay-refund-sync" },
      redirect: "manual",
      ...nonReplayableBody(body),
      signal: abort.signal,
      client,
    };
    return await readBody(await fetch(url, options));
  } finally {
    clearTimeout(timer);
  }
}
