import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { withMaxAge } from "../../src/http/age.ts";
import type { Handler } from "../../src/http/handler.ts";
import { createSessions, type SessionOptions } from "../../src/http/session.ts";
import { get, PREFACE, watchFrames } from "../hardening/frame.ts";

const GRPC_GO = "shop/2 grpc-go/1.85.0";
const CONNECT_ES = "connect-es/2.2.0";

/** Answers /quick at once, /slow after a moment, everything else never. */
const handler: Handler = async (request, response) => {
  if (request.url === "/slow") await delay(150);
  if (request.url === "/quick" || request.url === "/slow") response.end("ok");
};

async function startServer(options: SessionOptions): Promise<number> {
  const server = createServer(handler);
  createSessions(server, { checkMs: 10, random: () => 0.5, ...options });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A client that sees every frame, and answers PINGs unless it is gone. */
async function open(port: number, { gone = false } = {}) {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  onTestFinished(() => void socket.destroy());
  const watched = watchFrames(socket, { ackPings: !gone });
  socket.write(PREFACE);
  return {
    ...watched,
    get: (stream: number, path: string, userAgent?: string) => socket.write(get(stream, path, userAgent)),
  };
}

describe("createSessions() closes an idle connection", () => {
  test("with GOAWAY, if the client is known to tolerate it", async () => {
    const client = await open(await startServer({ idleMs: 50 }));
    client.get(1, "/quick", GRPC_GO);
    await expect.poll(() => client.seen).toEqual(["end 1", "goaway 1", "close"]);
  });

  test.each([["without User-Agent", undefined], ["of a client that may run on Deno", CONNECT_ES]])(
    "without GOAWAY and later, if it is %s",
    async (_kind, userAgent) => {
      const client = await open(await startServer({ idleMs: 50, silentIdleMs: 300 }));
      client.get(1, "/quick", userAgent);
      await delay(200);
      expect(client.seen).toEqual(["end 1"]);
      await expect.poll(() => client.seen).toEqual(["end 1", "close"]);
    },
  );

  test("but none with an open stream", async () => {
    const client = await open(await startServer({ idleMs: 50, silentIdleMs: 50 }));
    client.get(1, "/quick", GRPC_GO);
    client.get(3, "/never");
    await delay(200);
    expect(client.seen).toEqual(["end 1"]);
  });
});

describe("createSessions({ maxAgeMs })", () => {
  test("sends GOAWAY to an old connection, answers its calls in flight and closes it", async () => {
    const client = await open(await startServer({ maxAgeMs: 50 }));
    client.get(1, "/slow", CONNECT_ES);
    await expect.poll(() => client.seen, { interval: 5 }).toEqual(["goaway 1"]);
    await expect.poll(() => client.seen).toEqual(["goaway 1", "end 1", "close"]);
  });

  test("sends GOAWAY to an idle client that may run on Deno with its next call", async () => {
    const client = await open(await startServer({ maxAgeMs: 50 }));
    await delay(150);
    expect(client.seen).toEqual([]);
    client.get(1, "/quick", CONNECT_ES);
    await expect.poll(() => client.seen).toEqual(["goaway 1", "end 1", "close"]);
  });

  test("spreads the ages by a tenth", async () => {
    const [early, late] = await Promise.all([0, 0.999].map(async (random) => {
      const client = await open(await startServer({ maxAgeMs: 1_000, random: () => random }));
      const start = performance.now();
      client.get(1, "/never");
      await expect.poll(() => client.seen, { interval: 5 }).toEqual(["goaway 1"]);
      return performance.now() - start;
    }));
    expect(late - early).toBeGreaterThan(100);
  });
});

describe("createSessions({ pingMs })", () => {
  test("keeps a silent stream alive", async () => {
    const client = await open(await startServer({ pingMs: 50 }));
    client.get(1, "/never");
    await expect.poll(client.pings).toBeGreaterThan(3);
    expect(client.seen).toEqual([]);
  });

  test("closes the connection of a client that is gone", async () => {
    const client = await open(await startServer({ pingMs: 50 }), { gone: true });
    client.get(1, "/never");
    await expect.poll(() => client.seen).toContain("close");
  });
});

test("withMaxAge() closes an old HTTP/1.1 connection with its next response", async () => {
  const server = createHttpServer(withMaxAge(handler, 100, () => 0.5));
  onTestFinished(() => void server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  let received = "";
  let closed = false;
  socket.on("data", (chunk) => received += chunk).on("close", () => closed = true);
  const responses = () => received.split("HTTP/1.1 200").length - 1;
  const call = () => socket.write("GET /quick HTTP/1.1\r\nhost: x\r\n\r\n");
  call();
  await expect.poll(responses).toBe(1);
  expect(received).not.toMatch(/connection: close/i);
  await delay(120);
  call();
  await expect.poll(() => closed).toBe(true);
  expect([responses(), received]).toEqual([2, expect.stringMatching(/connection: close/i)]);
});
