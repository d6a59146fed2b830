import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, request as http1 } from "node:http";
import { connect as http2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import type { Dependencies } from "../../src/app/dependencies.ts";
import { failureOf } from "../../src/client.ts";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { acceleratedClock, PROTOCOLS, startService } from "../support/service.ts";

const TOKEN = "t0ken-of-the-billing-service";
const METHOD = "/daxpay.refundsync.v1.RefundSyncService/SyncRefund";
const ISSUER = "https://issuer.example";
const AUDIENCE = "refund-sync";

const folder = mkdtempSync(path.join(tmpdir(), "auth-"));
const tokensFile = path.join(folder, "tokens");
const TOKENS = `# who may call\nbilling ${TOKEN}\n\nshop  another-token-0123456789\n`;

const keys = await generateKeyPair("ES256", { extractable: true });
const foreignKeys = await generateKeyPair("ES256", { extractable: true });
const issuer = createServer(async (_request, response) => {
  const key = { ...await exportJWK(keys.publicKey), kid: "1", alg: "ES256", use: "sig" };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ keys: [key] }));
});
let variables: Record<string, string>;

beforeAll(async () => {
  await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
  variables = {
    AUTH_TOKENS_FILE: tokensFile,
    AUTH_JWKS_URL: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`,
    AUTH_ISSUER: ISSUER,
    AUTH_AUDIENCE: AUDIENCE,
    AUTH_SCOPE: "refunds:sync",
  };
  writeFileSync(tokensFile, TOKENS);
});
afterAll(() => void issuer.close());
afterEach(() => reset());

async function start(dependencies: Partial<Dependencies> = {}) {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "debug", sinks: ["memory"] }],
  });
  const service = await startService({ variables, dependencies });
  return Object.assign(service, { records });
}

function jwt(claims: Record<string, unknown> = {}, { key = keys.privateKey, alg = "ES256" } = {}) {
  return new SignJWT({ scope: "openid refunds:sync", ...claims })
    .setProtectedHeader({ alg, kid: "1" })
    .setIssuer(String(claims.iss ?? ISSUER))
    .setAudience(String(claims.aud ?? AUDIENCE))
    .setSubject("night-job")
    .setExpirationTime(claims.exp as number ?? "5m")
    .sign(key);
}

const plainJwt = (claims = {}) => new UnsecuredJWT(claims).setIssuer(ISSUER).setAudience(AUDIENCE).setSubject("x");
const publicPem = () => new TextEncoder().encode(JSON.stringify(keys.publicKey) + "0".repeat(32));

/** Authorization headers that are rejected. */
const REJECTED: Readonly<Record<string, () => string | undefined | Promise<string>>> = {
  "no token": () => undefined,
  "an empty token": () => "Bearer ",
  "a wrong token": () => `Bearer ${TOKEN.replace("t0ken", "t1ken")}`,
  "a shorter token": () => `Bearer ${TOKEN.slice(0, -1)}`,
  "a longer token": () => `Bearer ${TOKEN}x`,
  "a name in place of a token": () => "Bearer billing",
  "two tokens": () => `Bearer ${TOKEN} ${TOKEN}`,
  "another scheme": () => `Basic ${btoa(`billing:${TOKEN}`)}`,
  "an expired JWT": async () => `Bearer ${await jwt({ exp: Math.floor(Date.now() / 1000) - 120 })}`,
  "a JWT of another issuer": async () => `Bearer ${await jwt({ iss: "https://elsewhere.example" })}`,
  "a JWT for another audience": async () => `Bearer ${await jwt({ aud: "somebody-else" })}`,
  "a JWT without the scope": async () => `Bearer ${await jwt({ scope: "openid refunds:syncing" })}`,
  "a JWT signed with another key": async () => `Bearer ${await jwt({}, { key: foreignKeys.privateKey })}`,
  "a JWT with alg none": () => `Bearer ${plainJwt({ scope: "refunds:sync" }).setExpirationTime("5m").encode()}`,
  "a JWT with a symmetric alg": async () => `Bearer ${await jwt({}, { key: publicPem() as never, alg: "HS256" })}`,
  "a JWT that never expires": async () =>
    `Bearer ${await new SignJWT({ scope: "refunds:sync" }).setProtectedHeader({ alg: "ES256", kid: "1" })
      .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject("x").sign(keys.privateKey)}`,
};

const ACCEPTED: Readonly<Record<string, () => readonly [string, string] | Promise<readonly [string, string]>>> = {
  "a listed token": () => [`Bearer ${TOKEN}`, "billing"],
  "a listed token, the scheme in small letters": () => [`bearer ${TOKEN}`, "billing"],
  "a JWT": async () => [`Bearer ${await jwt()}`, "night-job"],
};

describe.each(Object.entries(PROTOCOLS))("%s", (_name, transport) => {
  test("authenticates callers by name, and rejects all others before DaxPay is called", async () => {
    await using service = await start();
    const client = createClient(RefundSyncService, transport(service));
    const calls = { headers: new Headers() };
    let rejected = 0;
    for (const [what, header] of Object.entries(REJECTED)) {
      const value = await header();
      const headers: HeadersInit = value === undefined ? {} : { authorization: value };
      const error = ConnectError.from(await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers }).catch((e) => e));
      expect([what, Code[error.code]]).toEqual([what, "Unauthenticated"]);
      expect(error.metadata.get("www-authenticate")).toMatch(/^Bearer/);
      const stream = client.watchRefund({ refundNo: "R-SUCCEEDS" }, { headers })[Symbol.asyncIterator]().next();
      expect([what, Code[ConnectError.from(await stream.catch((e) => e)).code]]).toEqual([what, "Unauthenticated"]);
      rejected += 2;
    }
    expect(service.sandbox.requests).toEqual([]);
    const lines = service.records.filter(({ properties }) => properties.code === "unauthenticated");
    expect(lines).toHaveLength(rejected);

    for (const [what, header] of Object.entries(ACCEPTED)) {
      const [authorization, name] = await header();
      calls.headers.set("authorization", authorization);
      await client.syncRefund({ refundNo: "R-SUCCEEDS" }, calls);
      expect([what, service.records.at(-1)?.properties.caller]).toEqual([what, name]);
    }
    const shown = Deno.inspect(service.records, { depth: 9, strAbbreviateSize: Infinity, iterableLimit: 1e6 });
    expect(shown).not.toContain(TOKEN);
    expect(shown).not.toContain(calls.headers.get("authorization")?.slice(-20));
  }, 60_000);
});

test.each([
  ["a list", ["default", "shop"], "Ok"],
  ["a text", "shop default", "Ok"],
  ["a list without the account", ["shop"], "PermissionDenied"],
  ["an empty list", [], "PermissionDenied"],
  ["something else", 7, "Unauthenticated"],
])("the claim `accounts` of a JWT limits it: %s", async (_what, accounts, expected) => {
  await using service = await start();
  const headers = { authorization: `Bearer ${await jwt({ accounts })}` };
  const code = await service.client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers }).then(
    () => "Ok",
    (error) => Code[ConnectError.from(error).code],
  );
  expect(code).toBe(expected);
});

test("health requires no credentials; metrics and, by default, reflection do", async () => {
  await using service = await start();
  const transport = PROTOCOLS.gRPC(service);
  expect((await createClient(Health, transport).check({})).status).toBe(1);
  for (const probe of ["healthz", "readyz"]) expect((await fetch(`${service.http}/${probe}`)).status).toBe(200);
  async function* question() {
    yield { messageRequest: { case: "listServices", value: "" } } as const;
  }
  const ask = (at: { http: string; grpc: string }) =>
    createClient(ServerReflection, PROTOCOLS.gRPC(at)).serverReflectionInfo(question())[Symbol.asyncIterator]().next();
  await expect(ask(service)).rejects.toMatchObject({ code: Code.Unauthenticated });
  const metrics = await fetch(`${service.http}/metrics`);
  expect([metrics.status, metrics.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect(await metrics.text()).not.toContain("rpc_server");
  const authorized = await fetch(`${service.http}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
  expect(await authorized.text()).toContain("rpc_server_call_duration");

  await using open = await startService({ variables: { ...variables, REFLECTION: "open" } });
  expect((await ask(open)).done).toBe(false);
});

test("a call is rejected before its body has arrived, on HTTP/1.1 and HTTP/2", async () => {
  await using service = await start();
  const headers = { "content-type": "application/json", authorization: "Bearer wrong-wrong-wrong-wrong" };

  const slow = http1(service.http + METHOD, { method: "POST", headers: { ...headers, "content-length": "1000000" } });
  slow.on("error", () => {});
  slow.write("{");
  const status = await new Promise((resolve) => slow.once("response", (response) => resolve(response.statusCode)));
  expect([status, slow.writableEnded]).toEqual([401, false]);
  slow.destroy();

  const session = http2(service.grpc);
  const stream = session.request({ ":method": "POST", ":path": METHOD, ...headers }, { endStream: false });
  stream.on("error", () => {});
  stream.write("{");
  // Never ended by this side.
  const answer = await new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
  expect(answer[":status"]).toBe(401);
  session.destroy();
  expect(service.sandbox.requests).toEqual([]);
});

test("loadAuthenticator() reloads the tokens file, and keeps the previous tokens when it is invalid", async () => {
  writeFileSync(tokensFile, TOKENS);
  await using service = await start();
  const client = createClient(RefundSyncService, PROTOCOLS["Connect on HTTP/1.1"](service));
  const code = (token: string) =>
    client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers: { authorization: `Bearer ${token}` } })
      .then(() => "ok", (error) => Code[error.code]);
  expect(await code(TOKEN)).toBe("ok");

  writeFileSync(tokensFile, "billing short\n");
  const errors = () => service.records.filter(({ level }) => level === "error").map(({ properties }) => properties);
  await expect.poll(errors).toMatchObject([{
    error: `AUTH_TOKENS_FILE: line 1: expected a token of at least 16 characters, got 5 in "${tokensFile}"`,
  }]);
  expect(await code(TOKEN)).toBe("ok");

  writeFileSync(tokensFile, "billing brand-new-token-0123\n");
  await expect.poll(() => code("brand-new-token-0123")).toBe("ok");
  expect(await code(TOKEN)).toBe("Unauthenticated");
  const shown = Deno.inspect(service.records, { depth: 9, strAbbreviateSize: Infinity, iterableLimit: 1e6 });
  for (const token of [TOKEN, "brand-new-token-0123"]) expect(shown).not.toContain(token);
  writeFileSync(tokensFile, TOKENS);
});

const METRICS_TOKEN = "t0ken-of-the-scraper";

test("a token limited to `metrics` reads /metrics and health, and nothing else", async () => {
  writeFileSync(tokensFile, `${TOKENS}prometheus ${METRICS_TOKEN} metrics\n`);
  await using service = await start();
  const headers = { authorization: `Bearer ${METRICS_TOKEN}` };
  expect(await fetch(`${service.http}/metrics`, { headers })).toMatchObject({ status: 200 });
  const transport = PROTOCOLS["Connect on HTTP/1.1"](service);
  expect(await createClient(Health, transport).check({}, { headers })).toMatchObject({ status: 1 });
  const client = createClient(RefundSyncService, transport);
  const error = await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers }).catch((e) => e);
  expect(error).toMatchObject({ code: Code.PermissionDenied, rawMessage: "This token may only read /metrics" });
  expect(failureOf(error)).toMatchObject({ reason: FailureReason.PERMISSION_DENIED, delivery: Delivery.NOT_SENT });
  expect(service.sandbox.requests).toEqual([]);
  writeFileSync(tokensFile, TOKENS);
});

describe.each(["Connect on HTTP/1.1", "gRPC"])("createRevocation() over %s", (protocol) => {
  /** Starts a watch and waits for its first attempt. */
  async function watch(service: { http: string; grpc: string }, authorization: string) {
    const client = createClient(RefundSyncService, PROTOCOLS[protocol](service));
    const attempts = client.watchRefund({ refundNo: "R-WAITS" }, { headers: { authorization } })
      [Symbol.asyncIterator]();
    await attempts.next();
    const ended = async (): Promise<unknown> => {
      for (;;) if ((await attempts.next()).done) return undefined;
    };
    return ended().catch((error) => error);
  }

  const REVOKED = { code: Code.Unauthenticated, rawMessage: "The credentials were revoked or have expired" };

  test("ends the streams of a token that the file no longer lists, and no others", async () => {
    await using service = await start(acceleratedClock(20));
    watch(service, "Bearer another-token-0123456789");
    const error = watch(service, `Bearer ${TOKEN}`);
    await expect.poll(() => service.app.stats().watchers).toBe(2);
    writeFileSync(tokensFile, "shop  another-token-0123456789\n");
    expect(await error).toMatchObject(REVOKED);
    expect(failureOf(await error)).toMatchObject({ reason: FailureReason.UNAUTHENTICATED });
    expect(service.app.stats().watchers).toBe(1);
    writeFileSync(tokensFile, TOKENS);
  });

  test("ends the streams of a JWT that has expired", async () => {
    let ahead = 0;
    const now = () => Date.now() + ahead;
    await using service = await start({ clock: { ...acceleratedClock(20).clock, now } });
    const ended = watch(service, `Bearer ${await jwt({ exp: Math.floor(Date.now() / 1000) + 60 })}`);
    await expect.poll(() => service.app.stats().watchers).toBe(1);
    ahead = 100_000;
    expect(await ended).toMatchObject(REVOKED);
  });
});

test("a JWT is rejected as unavailable when the issuer cannot be reached", async () => {
  await using service = await startService({ variables: { ...variables, AUTH_JWKS_URL: "http://127.0.0.1:1/jwks" } });
  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  const headers = { authorization: `Bearer ${await jwt()}` };
  await expect(client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers })).rejects.toMatchObject({
    code: Code.Unavailable,
  });
});
