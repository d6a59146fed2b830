import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";
import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** Answers one request of either HTTP version. */
export type Handler = ReturnType<typeof connectNodeAdapter>;

export interface ListenOptions {
  readonly host: string;
  /** HTTP/1.1; 0 takes a free one. */
  readonly port: number;
  /** Cleartext HTTP/2; 0 takes a free one. */
  readonly grpcPort: number;
  readonly handler: Handler;
}

export interface Listening {
  readonly http: AddressInfo;
  readonly grpc: AddressInfo;
  /** Takes no new calls, lets those in flight finish for at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens on two ports, one per HTTP version: handing a cleartext socket from one server to the other breaks HTTP/1.1
 * keep-alive on Deno.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const inFlight = createCounter();
  const handler: Handler = (request, response) => {
    inFlight.add();
    response.once("close", inFlight.done);
    if (closing && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    options.handler(request, response);
  };
  let closing = false;
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();

  const http: Server = createServer(handler);
  http.on("connection", (socket) => track(sockets, socket));
  const grpc = createHttp2Server(handler);
  grpc.on("session", (session) => track(sessions, session));

  try {
    await Promise.all([bind(http, options.host, options.port), bind(grpc, options.host, options.grpcPort)]);
  } catch (error) {
    http.close();
    grpc.close();
    throw error;
  }

  return {
    http: addressOf(http),
    grpc: addressOf(grpc),
    async close(graceMs) {
      closing = true;
      const closed = Promise.all([ended(http), ended(grpc)]);
      http.closeIdleConnections();
      for (const session of sessions) session.close();
      await inFlight.empty(graceMs);
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function bind(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function ended(server: NetServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function addressOf(server: NetServer): AddressInfo {
  const address = server.address();
  if (!address || typeof address === "string") throw new TypeError(`Found address ${address}, wanted a TCP port`);
  return address;
}

function track<T extends Socket | ServerHttp2Session>(set: Set<T>, item: T): void {
  set.add(item);
  item.once("close", () => set.delete(item));
  // A peer that breaks off is no event: its calls end by their own signals.
  item.on("error", () => {});
}

function createCounter() {
  let count = 0;
  let onEmpty: (() => void) | undefined;
  return {
    add: () => void count++,
    done: () => {
      count--;
      if (count === 0) onEmpty?.();
    },
    /** Resolves when nothing is in flight, or after the given milliseconds. */
    empty: (ms: number) =>
      new Promise<void>((resolve) => {
        if (count === 0) return resolve();
        const timer = setTimeout(resolve, ms);
        onEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}
