import { Buffer } from "node:buffer";
import { connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createErrorResponseLog } from "../../src/http/error-log.ts";
import { systemClock } from "../../src/refund/clock.ts";
import { startService } from "../support/service.ts";

const METHOD = "/daxpay.refundsync.v1.RefundSyncService/SyncRefund";
const BODY = '{"refundNo":"R-SUCCEEDS"}';

const records: LogRecord[] = [];
/** Milliseconds. Each test has a second of its own, and so lines of its own. */
let later = 0;
let service: Awaited<ReturnType<typeof startService>>;

beforeAll(async () => {
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "debug", sinks: ["memory"] }],
  });
  service = await startService({
    dependencies: { clock: { ...systemClock, elapsed: () => performance.now() + later } },
  });
});
beforeEach(() => {
  records.splice(0);
  later += 1000;
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await reset();
});

/** Level and fields of the lines, as soon as there are any. */
async function lines(): Promise<unknown[]> {
  await expect.poll(() => records.length).toBeGreaterThan(0);
  return records.map(({ level, properties }) => ({ level, ...properties }));
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const OVER = {
  async "HTTP/1.1"({ method = "GET", path, headers = {}, body }: Asked): Promise<number> {
    const response = await fetch(service.http + path, { method, headers, body });
    await response.body?.cancel();
    return response.status;
  },
  async "HTTP/2"({ method = "GET", path, headers = {}, body }: Asked): Promise<number> {
    const session = connect(service.grpc);
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: !body });
    const status = await new Promise<number>((resolve, reject) => {
      stream.once("response", (answer) => resolve(Number(answer[":status"]))).once("error", reject);
      if (body) stream.end(body);
    });
    await text(stream);
    session.destroy();
    return status;
  },
};

/** Bytes as they are; what comes back until the connection ends. */
async function send(bytes: Uint8Array): Promise<string> {
  const socket = connectTcp(Number(new URL(service.http).port), "127.0.0.1");
  socket.write(bytes);
  return await text(socket);
}

const json = { "content-type": "application/json" };

describe.each(Object.entries(OVER))("%s", (_version, ask) => {
  test.each<[number, string, Asked]>([
    [404, "nothing there", { path: "/wp-login.php" }],
    [405, "a wrong method", { method: "POST", path: "/metrics" }],
    [405, "an RPC by GET", { path: METHOD }],
    [415, "an RPC of another type", {
      method: "POST",
      path: METHOD,
      headers: { "content-type": "text/xml" },
      body: "<a/>",
    }],
    [403, "a page of another origin", {
      method: "POST",
      path: METHOD,
      headers: { ...json, origin: "https://evil.example" },
      body: BODY,
    }],
    [403, "a preflight of another origin", {
      method: "OPTIONS",
      path: METHOD,
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    }],
  ])("%d has one log line: %s", async (status, _what, asked) => {
    expect(await ask(asked)).toBe(status);
    const { method = "GET", path } = asked;
    expect(await lines()).toEqual([{ level: "info", method, path, status, peer: "127.0.0.1" }]);
  });

  test("a failed RPC has only the line of its call", async () => {
    expect(await ask({ method: "POST", path: METHOD, headers: json, body: '{"refundNo":"R-UNKNOWN"}' })).toBe(404);
    expect(await lines()).toMatchObject([{ method: "SyncRefund", code: "not_found" }]);
  });

  test("failed probes are logged at level debug, successful requests not at all", async () => {
    for (const path of ["/", "/console.json", "/healthz", "/readyz", "/metrics"]) expect(await ask({ path })).toBe(200);
    expect(await ask({ method: "POST", path: "/readyz" })).toBe(405);
    expect(await lines()).toMatchObject([{ level: "debug", path: "/readyz", status: 405 }]);
  });
});

test("400 for an invalid :authority, which would make Connect throw", async () => {
  const asked = { method: "POST", path: METHOD, headers: { ...json, ":authority": "a:99999" }, body: BODY };
  expect(await OVER["HTTP/2"](asked)).toBe(400);
  expect(await lines()).toMatchObject([{ method: "POST", path: METHOD, status: 400 }]);
});

test("a logged path is truncated, without control characters and query", async () => {
  await OVER["HTTP/2"]({ path: `/caf\u00e9\u0085${"x".repeat(1000)}?token=hidden` });
  const [{ path }] = await lines() as { path: string }[];
  expect(path).toMatch(/^\/caf\?+x+$/);
  expect(path).toHaveLength(200);
});

test.each([
  [431, `GET / HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(20_000)}\r\n\r\n`],
  [400, "GET / HTTP/9.9\r\n\r\n"],
  [400, "\x16\x03\x01\x02\x00\x01 no TLS here\r\n\r\n"],
])("%d has one log line for a request that cannot be parsed", async (status, bytes) => {
  expect(await send(Buffer.from(bytes, "latin1"))).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`));
  expect(await lines()).toEqual([{ level: "info", status, peer: "127.0.0.1" }]);
});

test("createErrorResponseLog() writes at most ten lines a second, and then how many it suppressed", () => {
  let now = 0;
  const log = createErrorResponseLog(getLogger("refundsync"), [], () => now);
  const respond = (times: number) => {
    for (let index = 0; index < times; index++) {
      log({ method: "GET", path: `/${index}`, status: 404, peer: "192.0.2.1" });
    }
  };
  respond(1000);
  expect(records).toHaveLength(10);
  now = 1000;
  respond(2);
  expect(records.slice(10).map(({ properties }) => properties.suppressed)).toEqual([990, undefined]);
});
