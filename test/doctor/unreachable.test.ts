import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { Cause } from "../../src/doctor/step.ts";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
import { type Env, envOf, run, withSandbox } from "./run.ts";

/** Expects that the address alone was found wrong. */
async function expectUnusable(url: string, cause: Cause, says: string, env: Env = {}): Promise<void> {
  const result = await run(envOf(url, "2.0.8", env));
  expect(result.findings).toEqual({
    failed: { address: [cause] },
    warnings: {},
    skipped: ["path", "signature", "reply", "query", "clock", "requestAge"],
  });
  expect(result.text).toContain(says);
  expect(result).toMatchObject({ exitCode: 1, requests: 1 });
}

/** A port on which `serve` gets raw connections. */
async function withPort(serve: (socket: Socket) => void, use: (port: number, server: Server) => Promise<void>) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  try {
    await use((server.address() as AddressInfo).port, server);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function withTls(use: (port: number) => Promise<void>): Promise<void> {
  const options = { hostname: "127.0.0.1", port: 0, cert: CERTIFICATE, key: PRIVATE_KEY, onListen() {} };
  const server = Deno.serve(options, () => new Response("{}"));
  try {
    await use((server.addr as Deno.NetAddr).port);
  } finally {
    await server.shutdown();
  }
}

test("doctor names a refused connection", async () => {
  let free = 0;
  await withPort(() => {}, (port) => Promise.resolve(void (free = port)));
  await expectUnusable(`http://127.0.0.1:${free}`, "CONNECTION_REFUSED", "the connection was refused");
});

test("doctor names an unknown host", async () => {
  await expectUnusable("http://daxpay.invalid:9000", "NAME_UNKNOWN", "DNS does not know its host name");
});

test("doctor names https where the server speaks plain HTTP", async () => {
  await withSandbox({ release: "2.0.8" }, async (url) => {
    await expectUnusable(url.replace("http:", "https:"), "TLS_NOT_SPOKEN", "speaks plain HTTP");
  });
});

test("doctor names a certificate that is not trusted", async () => {
  await withTls((port) =>
    expectUnusable(`https://127.0.0.1:${port}`, "CERTIFICATE_REJECTED", "its certificate was rejected")
  );
});

test("doctor names http where the server speaks TLS", async () => {
  await withTls((port) => expectUnusable(`http://127.0.0.1:${port}`, "TLS_REQUIRED", "Write https://"));
});

test("doctor names a connection that is lost", async () => {
  await withPort((socket) => socket.on("data", () => socket.resetAndDestroy()), async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "CONNECTION_LOST", "the connection was lost");
  });
});

test("doctor limits the wait for a reply to DAXPAY_TIMEOUT_MS", async () => {
  await withPort(() => {}, async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "TIMED_OUT", "no reply within 150 ms", {
      DAXPAY_TIMEOUT_MS: "150",
    });
  });
});

test("doctor limits the wait for a reply's body to DAXPAY_TIMEOUT_MS", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
  await withPort((socket) => socket.on("data", () => socket.write(head)), async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "TIMED_OUT", "no reply within 150 ms", {
      DAXPAY_TIMEOUT_MS: "150",
    });
  });
});
