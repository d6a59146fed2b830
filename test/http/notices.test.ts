import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type RequestOptions } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect as connectTcp, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { withCors } from "../../src/http/cors.ts";
import { withHostCheck } from "../../src/http/host.ts";
import { createNotices, NOTICE_LIMITS, type NoticesOptions } from "../../src/http/notices.ts";
import { withRequestTimeout } from "../../src/http/timeout.ts";

const PATH = "/notices/daxpay/shop-1";

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** A server with the accounts "shop-1" and "shop-2" whose clock stands until it is moved. */
async function start(overrides: Partial<NoticesOptions> = {}, http2 = false) {
  const accepted: [account: string, body: string][] = [];
  const errors: unknown[] = [];
  let now = 0;
  const notices = createNotices({
    hasAccount: (account) => /^shop-[12]$/.test(account),
    accept(account, body) {
      accepted.push([account, Buffer.from(body).toString()]);
      return Promise.resolve({ status: 200, body: "SUCCESS" });
    },
    onError: (account, error) => errors.push([account, error]),
    elapsed: () => now,
    fallback: (_request, response) => {
      response.statusCode = 404;
      response.end("fallback");
    },
    ...overrides,
  });
  const cors = withCors(notices, { origins: [], allowLocalhost: false, allow: [], expose: [], trustAnyHost: false });
  const handler = withRequestTimeout(withHostCheck(cors));
  const server = http2 ? createHttp2Server(handler) : createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { accepted, errors, port, pass: (ms: number) => void (now += ms) };
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function send(port: number, body: string | Uint8Array, options: RequestOptions = {}): Promise<Reply> {
  const headers = { "content-type": "application/json", connection: "close", ...options.headers };
  const sent = request({ port, path: PATH, method: "POST", ...options, headers });
  sent.on("error", () => {}); // what is left of a body that is refused
  sent.end(body);
  const [response] = await once(sent, "response") as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe("createNotices()", () => {
  test.each([
    ["application/json"],
    ["application/json;charset=UTF-8"],
    ["Application/JSON ; charset=utf-8"],
  ])("passes a notice of type %s to its account, and answers as told", async (type) => {
    const { port, accepted } = await start();
    const reply = await send(port, '{"退款":1}', { headers: { "content-type": type } });
    expect(reply).toMatchObject({ status: 200, body: "SUCCESS" });
    expect(reply.headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
    });
    expect(accepted).toEqual([["shop-1", '{"退款":1}']]);
  });

  test("passes a notice that DaxPay's server sends to a host name, without type and in chunks", async () => {
    const { port, accepted } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nHost: refunds.shop.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
        "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    );
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n(7\r\n)?SUCCESS/);
    expect(accepted).toEqual([["shop-1", "{}"]]);
  });

  test("serves HTTP/2", async () => {
    const { port, accepted } = await start({}, true);
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":method": "POST", ":path": `${PATH}?a=b`, "content-type": "application/json" });
    stream.end("{}");
    const [headers] = await once(stream, "response");
    expect([headers[":status"], await text(stream)]).toEqual([200, "SUCCESS"]);
    expect(accepted).toEqual([["shop-1", "{}"]]);
    const large = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/json" });
    large.on("error", () => {}).resume();
    large.write(Buffer.alloc(40_000));
    large.write(Buffer.alloc(40_000));
    expect((await once(large, "response"))[0][":status"]).toBe(413);
    session.destroy();
  });

  test.each([
    ["GET"],
    ["HEAD"],
    ["PUT"],
    ["DELETE"],
    ["OPTIONS"],
  ])("answers %s with 405", async (method) => {
    const { port, accepted } = await start();
    expect(await send(port, "", { method })).toMatchObject({ status: 405, headers: { allow: "POST" } });
    expect(accepted).toEqual([]);
  });

  test.each([["text/plain"], ["application/x-www-form-urlencoded"], ["application/jsonp"]])(
    "answers a notice of type %s with 415",
    async (type) => {
      const { port, accepted } = await start();
      expect((await send(port, "{}", { headers: { "content-type": type } })).status).toBe(415);
      expect(accepted).toEqual([]);
    },
  );

  test.each([
    ["/notices/daxpay/shop-3"],
    ["/notices/daxpay/"],
    ["/notices/daxpay/shop-1/"],
    ["/notices/daxpay/shop%2d1"],
    ["/notices/daxpay"],
    ["/notices"],
    ["//notices/daxpay/shop-1"],
    ["/"],
  ])("passes %s to the fallback", async (path) => {
    const { port } = await start();
    expect(await send(port, "{}", { path })).toMatchObject({ status: 404, body: "fallback" });
  });

  test("accepts 64 KiB", async () => {
    const { port, accepted } = await start();
    expect((await send(port, Buffer.alloc(NOTICE_LIMITS.maxBytes, "a"))).status).toBe(200);
    expect(accepted[0][1]).toHaveLength(65_536);
  });

  test.each([
    ["content-length", {}],
    ["chunks", { "transfer-encoding": "chunked" }],
  ])("answers one byte more, by its %s, with 413", async (_by, headers) => {
    const { port, accepted } = await start();
    const secret = "SECRET".repeat(10_923);
    const reply = await send(port, secret.slice(0, NOTICE_LIMITS.maxBytes + 1), { headers });
    expect(reply).toMatchObject({ status: 413, body: "Notice too large; at most 65536 bytes\n" });
    expect(accepted).toEqual([]);
  });

  test("answers 413 before the body where its length is announced", async () => {
    const { port } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 65537\r\n\r\n`);
    const [head] = await once(socket, "data");
    expect(String(head)).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test("answers a body that is not complete in time with 408", async () => {
    const { port, accepted } = await start({ limits: { bodyTimeoutMs: 50 } });
    const socket = connectTcp(port, "127.0.0.1");
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{`);
    const [head] = await once(socket, "data");
    expect(String(head)).toMatch(/^HTTP\/1\.1 408 /);
    socket.destroy();
    expect(accepted).toEqual([]);
  });

  test("drops a notice whose sender leaves before its end", async () => {
    const { port, accepted } = await start();
    const socket = connectTcp(port, "127.0.0.1");
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{`);
    await once(socket, "connect");
    socket.destroy();
    expect((await send(port, "{}")).status).toBe(200);
    expect(accepted).toEqual([["shop-1", "{}"]]);
  });

  test.each([[false], [true]])("survives senders that leave before the answer (HTTP/2: %s)", async (http2) => {
    const works: PromiseWithResolvers<{ status: number; body: string }>[] = [];
    const accept = () => {
      works.push(Promise.withResolvers());
      return works[works.length - 1].promise;
    };
    const { port } = await start({ accept }, http2);
    if (http2) {
      const session = connect(`http://127.0.0.1:${port}`);
      const stream = session.request({ ":method": "POST", ":path": PATH });
      stream.on("error", () => {}).end("{}");
      session.request({ ":method": "POST", ":path": PATH }).on("error", () => {}).write("{");
      await expect.poll(() => works.length).toBe(1);
      session.destroy();
    } else {
      const socket = connectTcp(port, "127.0.0.1");
      socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
      await expect.poll(() => works.length).toBe(1);
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    works[0].resolve({ status: 200, body: "SUCCESS" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(works).toHaveLength(1);
  });

  test("answers as told also where that is a rejection", async () => {
    const { port } = await start({ accept: () => Promise.resolve({ status: 400, body: "unverified" }) });
    expect(await send(port, "{}")).toMatchObject({ status: 400, body: "unverified" });
  });

  test.each([
    ["rejects", () => Promise.reject(new Error("SECRET"))],
    ["throws", () => {
      throw new Error("SECRET");
    }],
  ])("answers 503 where the notice cannot be processed: accept %s", async (_how, accept) => {
    const { port, errors } = await start({ accept });
    expect(await send(port, "{}")).toMatchObject({ status: 503, body: "Cannot process the notice now\n" });
    expect(errors).toEqual([["shop-1", new Error("SECRET")]]);
  });

  test("answers 503 where processing takes too long, and processes it to its end", async () => {
    const work = Promise.withResolvers<{ status: number; body: string }>();
    const { port, errors } = await start({ accept: () => work.promise, limits: { answerTimeoutMs: 50 } });
    expect((await send(port, "{}")).status).toBe(503);
    expect(errors).toEqual([]);
    work.reject(new Error("late"));
    await expect.poll(() => errors).toEqual([["shop-1", new Error("late")]]);
  });

  test("bounds how many notices are processed at once, those without a sender included", async () => {
    const works: PromiseWithResolvers<{ status: number; body: string }>[] = [];
    const accept = () => {
      works.push(Promise.withResolvers());
      return works[works.length - 1].promise;
    };
    const { port } = await start({ accept, limits: { answerTimeoutMs: 50, concurrency: 2 } });
    await Promise.all([send(port, "{}"), send(port, "{}", { path: "/notices/daxpay/shop-2" })]);
    expect(await send(port, "{}")).toMatchObject({
      status: 503,
      headers: { "retry-after": "1" },
      body: "Too many notices at once\n",
    });
    expect(works).toHaveLength(2);
    works[0].resolve({ status: 200, body: "SUCCESS" });
    await expect.poll(async () => (await send(port, "{}")).body).toBe("Cannot process the notice now\n");
    expect(works).toHaveLength(3);
  });

  test("limits the rate of each account", async () => {
    const { port, pass, accepted } = await start({ limits: { rate: 0.4, burst: 2 } });
    const statuses = async (count: number, path = PATH) => {
      const replies = [];
      for (let sent = 0; sent < count; sent++) replies.push((await send(port, "{}", { path })).status);
      return replies;
    };
    expect(await statuses(3)).toEqual([200, 200, 429]);
    expect((await send(port, "{}")).headers["retry-after"]).toBe("3");
    expect(await statuses(1, "/notices/daxpay/shop-2")).toEqual([200]);
    pass(2_499);
    expect((await send(port, "{}")).headers["retry-after"]).toBe("1");
    pass(1);
    expect(await statuses(2)).toEqual([200, 429]);
    pass(3_600_000);
    expect(await statuses(3)).toEqual([200, 200, 429]);
    expect(accepted).toHaveLength(6);
  });

  test("is not open to web pages", async () => {
    const { port, accepted } = await start();
    for (
      const headers of [{ origin: "https://evil.example" }, { origin: "https://evil.example", "content-type": "" }]
    ) {
      expect((await send(port, "{}", { headers })).status).toBe(403);
    }
    expect(accepted).toEqual([]);
  });
});
