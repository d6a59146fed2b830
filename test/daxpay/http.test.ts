import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createServer as createTlsServer } from "node:https";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { createDaxPay, type DaxPayOptions } from "../../src/daxpay/client.ts";
import { CONNECTION_OPTIONS } from "../../src/daxpay/http.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { createAuthority, type Issued } from "../support/authority.ts";
import { NOW_2, SECRET, SIGNED_2 } from "./replies.ts";

const NGINX = "/usr/sbin/nginx";
const QUERY = { refundNo: "R1", bizRefundNo: "", clientIp: "", nonceStr: "" };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function daxpayAt(url: string, options: Partial<DaxPayOptions> = {}, fetchFn: typeof fetch = fetch, now = () => NOW_2) {
  const daxpay = createDaxPay({
    url: new URL(url),
    release: "2.0.8",
    signType: "HMAC_SHA256",
    secret: SECRET,
    timeoutMs: 5_000,
    timeZone: "Asia/Shanghai",
    maxSkewMs: 300_000,
    ...options,
  }, { fetch: fetchFn, now, nonce: () => "n" });
  cleanups.push(() => daxpay[Symbol.dispose]());
  return daxpay;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** A raw HTTP/1.1 server that answers the nth request with the nth reply, the last one repeated. */
async function rawServer(...replies: ((socket: Socket) => void)[]) {
  const requests: Socket[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {}).on("close", () => open.delete(socket));
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (!received.endsWith(/^content-length/mi.test(received) ? "}" : "0\r\n\r\n")) return;
      received = "";
      requests.push(socket);
      replies[Math.min(requests.length, replies.length) - 1](socket);
    });
  });
  const port = await listen(server);
  cleanups.push(() => open.forEach((socket) => socket.destroy()));
  return { url: `http://127.0.0.1:${port}`, requests, open };
}

const reply = (status: string, headers: readonly string[], body: string | Uint8Array) => (socket: Socket) => {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  socket.write(`HTTP/1.1 ${status}\r\n${[...headers, length].join("\r\n")}\r\n\r\n`);
  socket.write(body);
};
const genuine = reply("200 OK", ["Content-Type: application/json"], SIGNED_2);
const silent = () => {};

describe("DaxPay.sync() classifies by what was received", () => {
  const MALFORMED = { reason: "REPLY_MALFORMED", delivery: "ANSWERED", retryable: false };
  const errorPage = (page: string) =>
    JSON.stringify({
      timestamp: "2026-11-25T11:06:16.402+00:00",
      status: 500,
      error: "Internal Server Error",
      path: page,
    });
  test.each<[name: string, answer: (socket: Socket) => void, expected: Record<string, unknown>]>([
    ["plain text labelled gzip", reply("200 OK", ["Content-Encoding: gzip"], SIGNED_2), MALFORMED],
    [
      "a gzip body that is cut",
      reply("200 OK", ["Content-Encoding: gzip"], gzipSync(SIGNED_2).subarray(0, 40)),
      MALFORMED,
    ],
    [
      "more headers than Deno takes",
      reply("200 OK", Array.from({ length: 120 }, (_, at) => `Set-Cookie: c${at}=x`), SIGNED_2),
      MALFORMED,
    ],
    ["another protocol", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n\r\n"), MALFORMED],
    ["a status that is no number", (socket) => socket.write("HTTP/1.1 abc OK\r\n\r\n"), MALFORMED],
    [
      "a switch of protocols",
      (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
      MALFORMED,
    ],
    ["a redirect", reply("302 Found", ["Location: /login"], ""), MALFORMED],
    ["no body", (socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"), MALFORMED],
    ["a connection closed before a reply", (socket) => socket.end(), {
      reason: "REPLY_INTERRUPTED",
      delivery: "IN_DOUBT",
    }],
    ["a reset before a reply", (socket) => socket.resetAndDestroy(), {
      reason: "REPLY_INTERRUPTED",
      delivery: "IN_DOUBT",
    }],
    [
      "a connection closed within the headers",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Len"),
      { reason: "REPLY_INTERRUPTED", delivery: "IN_DOUBT" },
    ],
    [
      "a connection closed within the body",
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
      { reason: "REPLY_INTERRUPTED", delivery: "ANSWERED", retryDelayMs: 5_000 },
    ],
    ["silence", silent, { reason: "UPSTREAM_TIMEOUT", delivery: "IN_DOUBT", message: "DaxPay request timed out" }],
    [
      "silence after the headers",
      (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
      { reason: "UPSTREAM_TIMEOUT", delivery: "ANSWERED" },
    ],
    [
      "a proxy's page",
      reply("502 Bad Gateway", ["Retry-After: 7"], "<html>"),
      { reason: "UPSTREAM_ERROR", delivery: "IN_DOUBT", status: 502, retryDelayMs: 7_000 },
    ],
    [
      "a limit",
      reply("429 Too Many Requests", [], "slow down"),
      { reason: "UPSTREAM_ERROR", delivery: "ANSWERED", throttled: true },
    ],
    [
      "DaxPay's page for a path that it does not serve",
      reply("500 Internal Server Error", [], errorPage("/unipay/sync/refund")),
      { reason: "NOT_CONFIGURED", delivery: "ANSWERED", retryable: false, status: undefined },
    ],
    [
      "such a page for another path",
      reply("500 Internal Server Error", [], errorPage("/other")),
      { reason: "UPSTREAM_ERROR", delivery: "ANSWERED", status: 500 },
    ],
    [
      "SQL in DaxPay's text",
      reply(
        "200 OK",
        [],
        '{"msg":"\\n### Error updating database. Cause: java.sql.SQLException: x","code":10001,"data":null}',
      ),
      {
        reason: "UPSTREAM_ERROR",
        message: "DaxPay returned code 10001",
        daxpayCode: 10001,
        daxpayMessage: undefined,
        logDetail: expect.stringContaining("SQLException"),
      },
    ],
  ])("%s", async (_name, answer, expected) => {
    const { url } = await rawServer(answer);
    await expect(daxpayAt(url, { timeoutMs: 300 }).sync(QUERY)).rejects.toMatchObject({ ...expected, step: "SYNC" });
  });

  test("nothing that listens", async () => {
    const server = createServer();
    const port = await listen(server);
    await cleanups.pop()?.();
    await expect(daxpayAt(`http://127.0.0.1:${port}`).sync(QUERY)).rejects
      .toMatchObject({ reason: "UPSTREAM_UNREACHABLE", delivery: "NOT_SENT" });
  });

  test("a stream that a proxy refused", async () => {
    const text = "client error (SendRequest): http2 error: stream error received: refused stream before processing";
    const refuse = () => Promise.reject(new TypeError("fetch failed", { cause: new Error(text) }));
    await expect(daxpayAt("https://127.0.0.1", {}, refuse).sync(QUERY)).rejects
      .toMatchObject({ reason: "UPSTREAM_UNREACHABLE", delivery: "NOT_SENT" });
  });

  test("silence, where a query or its confirmation gets no reply", async () => {
    const { url } = await rawServer(silent);
    const daxpay = daxpayAt(url, { timeoutMs: 100 });
    await expect(daxpay.query(QUERY)).rejects
      .toMatchObject({ reason: "UPSTREAM_TIMEOUT", step: "QUERY", delivery: "NOT_SENT", replied: false });
    await expect(daxpay.query(QUERY, { confirm: true })).rejects
      .toMatchObject({ reason: "UPSTREAM_TIMEOUT", step: "CONFIRM", delivery: "ANSWERED", replied: false });
  });

  test("DaxPay's page behind a proxy that removes a prefix", async () => {
    const { url } = await rawServer(reply("500 Internal Server Error", [], errorPage("/unipay/sync/refund")));
    await expect(daxpayAt(`${url}/daxpay`).sync(QUERY)).rejects.toMatchObject({ reason: "NOT_CONFIGURED" });
  });
});

describe("DaxPay.sync()", () => {
  test("throws the signal's reason where the caller aborts, and sends nothing where it had aborted before", async () => {
    const { url, requests } = await rawServer(silent);
    const daxpay = daxpayAt(url);
    const abort = new AbortController();
    const call = daxpay.sync(QUERY, { signal: abort.signal });
    await expect.poll(() => requests.length).toBe(1);
    abort.abort(new Error("gone"));
    await expect(call).rejects.toThrow("gone");
    await expect(daxpay.sync(QUERY, { signal: abort.signal })).rejects.toThrow("gone");
    expect(requests).toHaveLength(1);
  });

  test("never sends a request twice where a kept connection breaks", async () => {
    const { url, requests } = await rawServer(genuine, (socket) => socket.resetAndDestroy());
    const daxpay = daxpayAt(url);
    await daxpay.sync(QUERY);
    await expect(daxpay.sync(QUERY)).rejects.toMatchObject({ reason: "REPLY_INTERRUPTED", delivery: "IN_DOUBT" });
    expect(requests[1]).toBe(requests[0]);
    expect(requests).toHaveLength(2);
  });

  test("reuses a connection, but none that timed out", async () => {
    const { url, requests, open } = await rawServer(genuine, silent, genuine);
    const daxpay = daxpayAt(url, { timeoutMs: 300 });
    await daxpay.sync(QUERY);
    await expect(daxpay.sync(QUERY)).rejects.toMatchObject({ reason: "UPSTREAM_TIMEOUT" });
    await expect(daxpay.sync(QUERY)).resolves.toMatchObject({ daxpayStatus: "refund_success" });
    expect(requests[1]).toBe(requests[0]);
    expect(requests[2]).not.toBe(requests[1]);
    await expect.poll(() => open.has(requests[1])).toBe(false);
  });

  test("costs one timeout where a pooled TLS connection died silently", async () => {
    const authority = await createAuthority();
    const daxpayServer = createTlsServer(await authority.issue("DaxPay"), (_request, response) => {
      response.end(SIGNED_2);
    });
    const proxy = await createProxy(await listen(daxpayServer));
    cleanups.push(() => daxpayServer.closeAllConnections());
    const daxpay = daxpayAt(`https://localhost:${proxy.port}`, { timeoutMs: 500 }, trusting(authority.ca));
    await daxpay.sync(QUERY);
    expect(proxy.connections()).toBe(1);
    proxy.freeze();
    await expect(daxpay.sync(QUERY)).rejects.toMatchObject({ reason: "UPSTREAM_TIMEOUT", delivery: "IN_DOUBT" });
    for (let call = 0; call < 3; call++) {
      await expect(daxpay.sync(QUERY)).resolves.toMatchObject({ daxpayStatus: "refund_success" });
    }
    expect(proxy.connections()).toBe(2);
  });

  test.skipIf(!existsSync(NGINX))(
    `loses none of 1,600 calls where nginx closes connections after 100 requests (needs ${NGINX})`,
    async () => {
      const sandbox = await createSandbox({ release: "2.0.8" });
      cleanups.push(() => sandbox.close());
      const authority = await createAuthority();
      const url = await startNginx(sandbox.url, await authority.issue("nginx"));
      const daxpay = daxpayAt(url, {}, trusting(authority.ca), Date.now);
      const failures: unknown[] = [];
      const callers = Array.from({ length: 16 }, async (_, caller) => {
        for (let call = 0; call < 100; call++) {
          await daxpay.sync({ ...QUERY, refundNo: `LOAD-${caller}-${call}` }).catch((error) => failures.push(error));
        }
      });
      await Promise.all(callers);
      expect(failures).toEqual([]);
      expect(sandbox.requests).toHaveLength(1600);
    },
    20_000,
  );
});

test("DaxPay[Symbol.dispose]() closes the idle connections", async () => {
  const { url, open } = await rawServer(genuine);
  const daxpay = daxpayAt(url);
  await daxpay.sync(QUERY);
  expect(open.size).toBe(1);
  daxpay[Symbol.dispose]();
  cleanups.pop();
  await expect.poll(() => open.size).toBe(0);
});

/** A fetch with connections like the product's that trusts a certificate authority. */
function trusting(ca: string): typeof fetch {
  const client = Deno.createHttpClient({ ...CONNECTION_OPTIONS, caCerts: [ca] });
  cleanups.push(() => client.close());
  return (request, init) => {
    const options: RequestInit & { readonly client: Deno.HttpClient } = { ...init, client };
    return fetch(request, options);
  };
}

/** Forwards connections to a port; `freeze` makes the open ones silent without closing them. */
async function createProxy(target: number) {
  const pairs: Socket[][] = [];
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.pipe(upstream).pipe(client);
    pairs.push([client, upstream]);
  });
  const port = await listen(server);
  cleanups.push(() => pairs.flat().forEach((socket) => socket.destroy()));
  return {
    port,
    connections: () => pairs.length,
    freeze() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream);
        upstream.unpipe(client);
        client.resume();
      }
    },
  };
}

/** nginx with HTTPS and HTTP/2, as it is put in front of DaxPay. */
async function startNginx(upstream: string, { certFile, keyFile }: Issued): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "nginx-"));
  const reserved = createServer();
  const port = await listen(reserved);
  await cleanups.pop()?.();
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`).join(
    " ",
  );
  writeFileSync(
    path.join(folder, "nginx.conf"),
    `worker_processes 1; pid nginx.pid; error_log stderr crit; events { worker_connections 1024; }
    http { access_log off; ${temp} keepalive_requests 100;
      upstream daxpay { server ${new URL(upstream).host}; keepalive 32; keepalive_requests 100000; }
      server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
        location / { proxy_pass http://daxpay; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`,
  );
  const child = new Deno.Command(NGINX, {
    args: ["-p", folder, "-c", path.join(folder, "nginx.conf"), "-g", "daemon off;"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  cleanups.push(async () => {
    child.kill("SIGTERM");
    await child.status;
  });
  await expect.poll(() =>
    new Promise((resolve) => {
      const probe = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      probe.on("connect", () => probe.destroy());
    })
  ).toBe(true);
  return `https://localhost:${port}`;
}
