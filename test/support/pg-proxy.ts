import { connect, createServer, type Server, type Socket } from "node:net";
import { freeFixedPort } from "./free-port.ts";

export interface PgProxy extends AsyncDisposable {
  readonly port: number;
  /** The URL with the proxy in place of the host and port. */
  through(url: string): string;
  /** Keeps back what the server sends until release(); what clients send still arrives. */
  holdReplies(): void;
  /** Passes nothing on in either direction and answers no new connection until release(). */
  blackHole(): void;
  /** Ends holdReplies() and blackHole(), and passes on what was kept back. */
  release(): void;
  /** Delays each part of a reply by this many milliseconds. Defaults to 0. */
  setLatency(ms: number): void;
  /** Resets every connection, at both ends. */
  cut(): void;
  /** Refuses new connections until accept(); open ones stay. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** How many connections clients have open. */
  connections(): number;
}

/** A TCP proxy in front of the server that the URL names, which may be down. It knows nothing of PostgreSQL's protocol. */
export async function createPgProxy(target: string): Promise<PgProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const port = await freeFixedPort();
  const clients = new Set<Socket>();
  const sockets = new Set<Socket>();
  const requests = createGate();
  const replies = createGate();
  let latencyMs = 0;
  let listener: Server | undefined;

  function onConnection(client: Socket): void {
    clients.add(client);
    track(client).setNoDelay(true).on("error", () => {}).once("close", () => clients.delete(client));
    // After the gate: a connection in a black hole does not reach the server.
    requests.opened().then(() => {
      if (client.destroyed) return;
      const server = connect({ host: hostname, port: Number(targetPort), noDelay: true, allowHalfOpen: true });
      track(server).on("error", () => client.resetAndDestroy());
      relay(client, server, () => requests.opened());
      relay(server, client, async () => {
        if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
        await replies.opened();
      });
    });
  }

  function track(socket: Socket): Socket {
    sockets.add(socket);
    return socket.once("close", () => sockets.delete(socket));
  }

  async function accept(): Promise<void> {
    if (listener) return;
    const server = createServer({ allowHalfOpen: true }, onConnection);
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    listener = server;
  }

  // Its callback would wait for the open connections too.
  function refuse(): Promise<void> {
    listener?.close();
    listener = undefined;
    return new Promise((resolve) => setImmediate(resolve));
  }

  function cut(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  await accept();
  return {
    port,
    through(url) {
      const proxied = new URL(url);
      proxied.host = `127.0.0.1:${port}`;
      return proxied.href;
    },
    holdReplies: () => replies.close(),
    blackHole() {
      requests.close();
      replies.close();
    },
    release() {
      requests.open();
      replies.open();
    },
    setLatency: (ms) => latencyMs = ms,
    cut,
    refuse,
    accept,
    connections: () => clients.size,
    async [Symbol.asyncDispose]() {
      await refuse();
      cut();
      requests.open();
      replies.open();
    },
  };
}

/** Passes on what one end sends, and how it ends, each after the promise. */
async function relay(from: Socket, to: Socket, beforeEach: () => Promise<void>): Promise<void> {
  try {
    for await (const chunk of from) {
      await beforeEach();
      if (!to.write(chunk)) await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
    }
    await beforeEach();
    to.end();
  } catch {
    await beforeEach();
    to.resetAndDestroy();
  }
}

function createGate() {
  let { promise, resolve } = Promise.withResolvers<void>();
  resolve();
  return {
    opened: () => promise,
    open: () => resolve(),
    close() {
      resolve();
      ({ promise, resolve } = Promise.withResolvers<void>());
    },
  };
}
