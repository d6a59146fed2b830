import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { CERTIFICATE, PRIVATE_KEY } from "./certificate.ts";
import { type Env, envOf, marks, run, withSandbox } from "./run.ts";

/** Expects that nothing but the address was found wrong. */
async function expectUnusable(url: string, cause: string, says: string, env: Env = {}): Promise<void> {
  const told = await run(envOf(url, "2.0.8", env));
  expect(told.causes).toEqual([`address: ${cause}`]);
  expect(marks(told)).toBe("✗––––");
  expect(told.page).toContain(says);
  expect({ exitCode: told.exitCode, requests: told.requests }).toEqual({ exitCode: 1, requests: 1 });
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
  await expectUnusable("http://daxpay.invalid:9000", "NAME_UNKNOWN", "its host name is not known to DNS");
});

test("doctor names https where plain HTTP is spoken", async () => {
  await withSandbox({ release: "2.0.8" }, async (url) => {
    await expectUnusable(url.replace("http:", "https:"), "TLS_NOT_SPOKEN", "does not speak TLS");
  });
});

test("doctor names a certificate that nobody vouches for", async () => {
  await withTls((port) =>
    expectUnusable(`https://127.0.0.1:${port}`, "CERTIFICATE_REFUSED", "its certificate was refused")
  );
});

test("doctor names plain http where TLS is spoken", async () => {
  await withTls((port) => expectUnusable(`http://127.0.0.1:${port}`, "TLS_WANTED", "Write https://"));
});

test("doctor names a connection that is lost", async () => {
  await withPort((socket) => socket.on("data", () => socket.resetAndDestroy()), async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "CONNECTION_LOST", "the connection was lost");
  });
});

test("doctor does not wait longer than DAXPAY_TIMEOUT_MS", async () => {
  await withPort(() => {}, async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "TIMED_OUT", "no answer came within 150 ms", {
      DAXPAY_TIMEOUT_MS: "150",
    });
  });
});

test("doctor waits for a whole reply no longer than that", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
  await withPort((socket) => socket.on("data", () => socket.write(head)), async (port) => {
    await expectUnusable(`http://127.0.0.1:${port}`, "TIMED_OUT", "no answer came within 150 ms", {
      DAXPAY_TIMEOUT_MS: "150",
    });
  });
});
