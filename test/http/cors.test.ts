import { mkdtempSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startService } from "../support/service.ts";

const METHOD = "/daxpay.refundsync.v1.RefundSyncService/SyncRefund";
const BODY = '{"refundNo":"R-SUCCEEDS"}';
const PAGE = "https://shop.example";
const variables = { CORS_ORIGINS: `${PAGE},http://localhost:5173` };

function preflight(base: string, origin: string, path = METHOD) {
  return fetch(base + path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
  });
}

function call(base: string, origin?: string) {
  return fetch(base + METHOD, {
    method: "POST",
    headers: { "content-type": "application/json", ...(origin ? { origin } : {}) },
    body: BODY,
  });
}

test("withCors() answers a preflight of an allowed origin with every header that clients send, cacheable for hours", async () => {
  await using service = await startService({ variables });
  const { status, headers } = await preflight(service.http, PAGE);
  expect(status).toBe(204);
  expect(headers.get("access-control-allow-origin")).toBe(PAGE);
  expect(headers.get("access-control-max-age")).toBe("7200");
  expect(headers.get("access-control-allow-methods")).toBe("POST, GET");
  expect(headers.get("vary")).toMatch(/Origin/);
  const allowed = headers.get("access-control-allow-headers")?.toLowerCase().split(", ");
  for (
    const name of [
      "authorization",
      "content-type",
      "connect-protocol-version",
      "connect-timeout-ms",
      "x-grpc-web",
      "grpc-timeout",
      "traceparent",
      "tracestate",
      "baggage",
      "sentry-trace",
    ]
  ) expect(allowed).toContain(name);
  expect(headers.get("access-control-allow-credentials")).toBe(null);
});

test("withCors() names the one allowed origin and exposes the headers that clients read", async () => {
  await using service = await startService({ variables });
  const { status, headers } = await call(service.http, PAGE);
  expect([status, headers.get("access-control-allow-origin")]).toEqual([200, PAGE]);
  const exposed = headers.get("access-control-expose-headers")?.toLowerCase();
  for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]) {
    expect(exposed).toContain(name);
  }
});

test.each([
  "https://evil.example",
  "http://shop.example",
  "https://shop.example:8443",
  "https://shop.example.evil",
  "null",
])(
  "withCors() rejects %s before DaxPay is called",
  async (origin) => {
    await using service = await startService({ variables });
    for (const answer of [await preflight(service.http, origin), await call(service.http, origin)]) {
      expect(answer.status).toBe(403);
      expect(answer.headers.get("access-control-allow-origin")).toBe(null);
    }
    expect(service.sandbox.requests).toEqual([]);
  },
);

test("withCors() without origins allows only the service's own pages and callers without Origin", async () => {
  await using service = await startService();
  expect((await call(service.http)).status).toBe(200);
  expect((await call(service.http, service.http)).status).toBe(200);
  expect((await call(service.http, PAGE)).status).toBe(403);
});

/** Statuses of a call by a page that was loaded from the service under this name, over either HTTP version. */
async function callUnder(name: string, { http, grpc }: { http: string; grpc: string }): Promise<number[]> {
  const headers = { "content-type": "application/json", origin: `http://${name}` };
  const overHttp1 = new Promise<number>((resolve, reject) => {
    const call = request(http + METHOD, { method: "POST", headers: { ...headers, host: name } });
    call.once("response", (answer) => resolve(Number(answer.resume().statusCode))).once("error", reject).end(BODY);
  });
  const session = connect(grpc);
  const overHttp2 = new Promise<number>((resolve, reject) => {
    const call = session.request({ ":method": "POST", ":path": METHOD, ":authority": name, ...headers });
    call.once("response", (answer) => resolve(Number(answer[":status"]))).once("error", reject).end(BODY);
  });
  const statuses = await Promise.all([overHttp1, overHttp2]);
  session.destroy();
  return statuses;
}

test("withCors() without credentials does not trust the Host header, except for localhost and addresses", async () => {
  await using service = await startService({ variables: { CORS_ORIGINS: "http://shop.example" } });
  for (const name of ["127.0.0.1", "[::1]", "192.0.2.7:8080", "localhost:8080", "refunds.localhost", "shop.example"]) {
    expect([name, await callUnder(name, service)]).toEqual([name, [200, 200]]);
  }
  const asked = service.sandbox.requests.length;
  for (const name of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evillocalhost"]) {
    expect([name, await callUnder(name, service)]).toEqual([name, [403, 403]]);
  }
  expect(service.sandbox.requests).toHaveLength(asked);
});

test("withCors() with credentials treats every Host as same-origin", async () => {
  const tokensFile = join(mkdtempSync(join(tmpdir(), "cors-")), "tokens");
  writeFileSync(tokensFile, "billing t0ken-of-the-billing-service\n");
  await using service = await startService({ variables: { AUTH_TOKENS_FILE: tokensFile } });
  expect(await callUnder("refunds.example", service)).toEqual([401, 401]);
});

test("withCors() applies to HTTP/2", async () => {
  await using service = await startService({ variables });
  const session = connect(service.grpc);
  const ask = (origin: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const stream = session.request({
        ":method": "OPTIONS",
        ":path": METHOD,
        origin,
        "access-control-request-method": "POST",
      });
      stream.once("response", resolve).once("error", reject).end();
    });
  expect(await ask(PAGE)).toMatchObject({ ":status": 204, "access-control-allow-origin": PAGE });
  expect((await ask("https://evil.example"))[":status"]).toBe(403);
  session.destroy();
});

test("withSecurityHeaders() applies to every response", async () => {
  await using service = await startService({ variables });
  const answers = [
    await call(service.http),
    await call(service.http, PAGE),
    await preflight(service.http, "https://evil.example"),
    ...await Promise.all(
      ["/", "/healthz", "/readyz", "/metrics", "/nothing"].map((path) => fetch(service.http + path)),
    ),
  ];
  for (const { url, headers, body } of answers) {
    await body?.cancel();
    expect([url, headers.get("x-content-type-options")]).toEqual([url, "nosniff"]);
    expect([url, headers.get("x-frame-options")]).toEqual([url, "DENY"]);
    expect([url, headers.get("referrer-policy")]).toEqual([url, "no-referrer"]);
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("strict-transport-security")).toBe(null);
  }
});
