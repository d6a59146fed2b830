/**
 * A REST façade without dependencies: Deno.serve and fetch, with a JSON log line per call. Sends the sync of DaxPay 2.0.8
 * without a query.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const [port, upstream, token] = Deno.args;
const SECRET = "123456";
/** DaxPay's code while another sync holds the refund's lock. */
const LOCKED = 10007;
const STATUSES: Readonly<Record<string, string>> = {
  refund_progress: "IN_PROGRESS",
  refund_success: "SUCCEEDED",
  close: "CLOSED",
};

interface Reply {
  readonly code: number;
  readonly msg: string | null;
  readonly traceId: string;
  readonly data: {
    readonly code: number;
    readonly msg?: string;
    readonly status?: string;
    readonly resTime: number;
    readonly sign: string;
  } | null;
}

function sign(members: object): string {
  const text = Object.entries(members).filter(([name, value]) => name !== "sign" && value !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join("&");
  return createHmac("sha256", SECRET).update(`${text}&key=${SECRET}`).digest("hex");
}

function verify(data: { readonly sign: string }): boolean {
  const encoder = new TextEncoder();
  const expected = encoder.encode(sign(data));
  const actual = encoder.encode(data.sign);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

async function handle(request: Request): Promise<Response> {
  if (request.headers.get("authorization") !== `Bearer ${token}`) {
    return Response.json({ error: "unauthorized" }, { status: 401 });
  }
  if (request.method !== "POST" || new URL(request.url).pathname !== "/refunds/sync") {
    return Response.json({ error: "not found" }, { status: 404 });
  }
  const { refundNo } = await request.json();
  if (typeof refundNo !== "string" || refundNo.length < 1 || refundNo.length > 32) {
    return Response.json({ error: "refundNo is required" }, { status: 400 });
  }
  const members = { refundNo, nonceStr: randomBytes(16).toString("hex"), reqTime: Math.floor(Date.now() / 1000) };
  const response = await fetch(`${upstream}/unipay/sync/refund`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...members, sign: sign(members) }),
    signal: AbortSignal.timeout(30_000),
  });
  const { code, msg, traceId, data }: Reply = await response.json();
  if (code === LOCKED) return Response.json({ error: msg, code, traceId }, { status: 409 });
  if (code !== 0) return Response.json({ error: msg, code, traceId }, { status: 502 });
  if (!data || !verify(data)) return Response.json({ error: "bad signature", traceId }, { status: 502 });
  if (!data.status) return Response.json({ error: data.msg, code: data.code, traceId }, { status: 502 });
  return Response.json({
    refundNo,
    status: STATUSES[data.status] ?? "UNKNOWN",
    daxpayStatus: data.status,
    replyTime: new Date(data.resTime * 1000).toISOString(),
    daxpayTraceId: traceId,
  });
}

Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen: () => {} }, async (request) => {
  const startedAt = performance.now();
  const response = await handle(request);
  const { pathname } = new URL(request.url);
  const ms = Math.round(performance.now() - startedAt);
  console.log(JSON.stringify({ time: new Date(), method: request.method, pathname, status: response.status, ms }));
  return response;
});
