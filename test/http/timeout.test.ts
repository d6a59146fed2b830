import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, connect as connectTcp, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test, vi } from "vitest";
import { withRequestTimeout } from "../../src/http/timeout.ts";
import type { Handler } from "../../src/http/handler.ts";
import { createSessions } from "../../src/http/session.ts";

const TIMEOUT_MS = 100;

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** Reads the whole body before it answers, as an RPC does. */
const reader: Handler = async (request, response) => {
  const body = await text(request).catch(() => undefined);
  if (body !== undefined) response.end(body);
};

test("withRequestTimeout() answers 408 to a slow HTTP/2 body and keeps the connection", async () => {
  const server = createHttp2Server(withRequestTimeout(reader, TIMEOUT_MS));
  createSessions(server);
  const port = await listening(server);
  const session = connect(`http://127.0.0.1:${port}`);
  const ask = (whole: boolean) => {
    const stream = session.request({ ":method": "POST", ":path": "/" });
    const answer = Promise.all([
      new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"]))),
      new Promise((resolve) => stream.once("close", () => resolve(stream.destroyed))),
    ]);
    stream.on("error", () => {}).resume();
    if (whole) stream.end("{}");
    else stream.write("{");
    return answer;
  };
  expect(await ask(false)).toEqual([408, true]);
  expect(await ask(true)).toEqual([200, true]);
  session.destroy();
});

test("withRequestTimeout() answers 408 to a slow HTTP/1.1 body and closes the connection", async () => {
  const port = await listening(createServer(withRequestTimeout(reader, TIMEOUT_MS)));
  const socket = connectTcp(port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{");
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 [^]*\r\nconnection: close\r\n/i);
});

test("withRequestTimeout() closes any number of slow requests at once, also after a pause", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  try {
    const handler = withRequestTimeout(() => {}, TIMEOUT_MS);
    const dropped = new Set<EventEmitter>();
    const come = () => {
      const request = new EventEmitter();
      Object.assign(request, { socket: {}, destroy: () => dropped.add(request) });
      const response = Object.assign(new EventEmitter(), { headersSent: true });
      handler(...[request, response] as unknown as Parameters<Handler>);
      return request;
    };
    come().emit("end");
    vi.advanceTimersByTime(2 * TIMEOUT_MS);
    expect(dropped.size).toBe(0);
    // More than a stack has room for.
    for (let count = 0; count < 50_000; count++) come();
    vi.advanceTimersByTime(TIMEOUT_MS / 2);
    const late = come();
    vi.advanceTimersByTime(TIMEOUT_MS / 2);
    expect([dropped.size, dropped.has(late)]).toEqual([50_000, false]);
    vi.advanceTimersByTime(TIMEOUT_MS / 2);
    expect(dropped.has(late)).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});
