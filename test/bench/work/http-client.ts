import { CONNECTION_OPTIONS, createHttp, endpoint, nonReplayableBody, readBody } from "../../../src/daxpay/http.ts";
import { RELEASES } from "../../../src/daxpay/release.ts";
import { readReply } from "../../../src/daxpay/reply.ts";
import { signedRequest } from "../../../src/daxpay/request.ts";
import { createSigner } from "../../../src/daxpay/signer.ts";
import { nextRefundNo } from "../contender.ts";
import type { Upstream } from "../upstream.ts";

/** Cost of one signed sync through the service's HTTP client, or through fetch alone. */
export interface HttpClientResult {
  readonly client: "ky" | "fetch";
  /** Microseconds per exchange, by round. */
  readonly us: number[];
}

export interface HttpClientPlan {
  readonly rounds: number;
  readonly exchanges: number;
}

const TIMEOUT_MS = 10_000;

type Post = (url: URL, body: string) => Promise<Uint8Array>;

/** Makes one exchange after the other, without a service. */
export async function measureHttpClient(
  { upstream, rounds, exchanges }: HttpClientPlan & { readonly upstream: Upstream },
): Promise<HttpClientResult[]> {
  using http = createHttp({ fetch, timeoutMs: TIMEOUT_MS });
  using client = Deno.createHttpClient(CONNECTION_OPTIONS);
  const cases: readonly { readonly result: HttpClientResult; readonly post: Post }[] = [
    { result: { client: "ky", us: [] }, post: async (url, body) => (await http.post(url, body)).body },
    { result: { client: "fetch", us: [] }, post: (url, body) => postByFetch(url, body, client) },
  ];
  // The first round is a warm-up.
  for (let round = 0; round <= rounds; round++) {
    for (const { result, post } of cases) {
      const startedAt = performance.now();
      for (let count = 0; count < exchanges; count++) await exchange(upstream, post);
      if (round > 0) result.us.push((performance.now() - startedAt) * 1000 / exchanges);
    }
  }
  return cases.map(({ result }) => result);
}

async function exchange({ release: name, url }: Upstream, post: Post): Promise<void> {
  const release = RELEASES[name];
  const signer = createSigner(name, { signType: "HMAC_SHA256", secret: "123456" });
  const context = { release, signer, timeZone: "Asia/Shanghai" };
  const query = { refundNo: nextRefundNo(), bizRefundNo: "", clientIp: "", nonceStr: "n" };
  const now = Date.now();
  const identity = { appId: "", mchNo: "" };
  const { body } = signedRequest(query, { ...context, identity, now, nonce: () => "n" });
  const bytes = await post(endpoint(new URL(url), release.path), body);
  const reply = readReply(bytes, { ...context, query, now, maxSkewMs: 300_000 });
  if (reply.kind === "failure") throw reply.failure;
}

/** What the service's HTTP client does, without ky: a timeout that covers the body, and a body that is sent once. */
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
