import { createServer } from "node:http";
import { createSecureServer, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { connectNodeAdapter } from "@connectrpc/connect-node";
import { withCoalescedWrites } from "./cork.ts";
import { LIMITS, withRequestTimeout } from "./timeout.ts";
import { type ErrorResponse, errorResponseOf, refuseUnreadable } from "./error-log.ts";
import { createSessions } from "./session.ts";
import { type Certificate, tlsOptions } from "../auth/certificate.ts";

/** Answers one request of either HTTP version. */
export type Handler = ReturnType<typeof connectNodeAdapter>;
export type NodeServerRequest = Parameters<Handler>[0];
export type NodeServerResponse = Parameters<Handler>[1];

export interface ListenOptions {
  readonly host: string;
  /** HTTP/1.1, with a certificate both versions; 0 takes a free one. */
  readonly port: number;
  /** Cleartext HTTP/2, unused with a certificate; 0 takes a free one. */
  readonly grpcPort: number;
  readonly certificate: Certificate | undefined;
  /** Over all ports; a connection beyond these is closed at once. */
  readonly maxConnections: number;
  readonly handler: Handler;
  /** Hears of every answer with a status of 400 or more; there is no response where nothing could be read. */
  readonly onRefusal: (refusal: ErrorResponse, response?: NodeServerResponse) => void;
}

export interface Server {
  readonly http: AddressInfo;
  /** The same as `http` with a certificate. */
  readonly grpc: AddressInfo;
  /** Serves new connections with another certificate. */
  renew(certificate: Certificate): void;
  /** How many connections are open. */
  connections(): number;
  /**
   * Takes no new connections, asks clients to leave those that are open, lets calls finish for at most `graceMs`, calls
   * `cut`, which has to end and to refuse calls in its own words from then on, and closes every connection.
   */
  close(graceMs: number, forceClose: () => void): Promise<void>;
}

/** Milliseconds without any call until nothing can be on its way any more: neither a call nor last words. */
const QUIET_PERIOD_MS = 200;

const HTTP2 = {
  settings: { maxConcurrentStreams: LIMITS.maxConcurrentStreams, maxHeaderListSize: LIMITS.maxHeaderSize },
  maxSessionInvalidFrames: LIMITS.maxSessionInvalidFrames,
} as const;

/**
 * Without a certificate it listens on two ports, one per HTTP version: handing a cleartext socket from one server to the
 * other breaks HTTP/1.1 keep-alive on Deno. With one, ALPN chooses the version on a single port.
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { host, certificate, maxConnections } = options;
  const inFlight = createCounter();
  const sockets = new Set<Socket>();
  let closing = false;

  const handler = withRequestTimeout((request, response) => {
    const peer = request.socket.remoteAddress;
    inFlight.add();
    response.once("close", () => {
      inFlight.done();
      const { statusCode: status } = response;
      if (status >= 400) options.onRefusal(errorResponseOf(request, status, peer), response);
    });
    if (closing && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    options.handler(request, response);
  });

  const secure = certificate &&
    createSecureServer({ ...LIMITS, ...HTTP2, ...tlsOptions(certificate), allowHTTP1: true }, handler);
  const http = secure ?? createServer(LIMITS, handler);
  const grpc = secure ?? createHttp2Server(HTTP2, handler);
  const servers = new Set<NetServer>([http, grpc]);

  for (const server of servers) {
    server.on("connection", (socket: Socket) => {
      if (sockets.size >= maxConnections) return void socket.destroy();
      track(sockets, socket);
    });
  }
  http.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const refusal = refuseUnreadable(error, socket);
    if (refusal) options.onRefusal(refusal);
  });
  if (secure) secure.on("secureConnection", (socket) => socket.alpnProtocol === "h2" && withCoalescedWrites(socket));
  else grpc.on("connection", withCoalescedWrites);
  const sessions = createSessions(grpc);

  try {
    await bind(http, host, options.port);
    if (!secure) await bind(grpc, host, options.grpcPort);
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }

  return {
    http: addressOf(http),
    grpc: addressOf(grpc),
    renew: (renewed) => secure?.setSecureContext(tlsOptions(renewed)),
    connections: () => sockets.size,
    async close(graceMs, cut) {
      closing = true;
      const closed = Promise.all([...servers].map(ended));
      if ("closeIdleConnections" in http) http.closeIdleConnections();
      sessions.drain();
      if (sockets.size > 0 && !await inFlight.quiet(QUIET_PERIOD_MS, graceMs)) {
        cut();
        await inFlight.quiet(QUIET_PERIOD_MS, 2 * QUIET_PERIOD_MS);
      }
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

/** Stops listening. An HTTP/2 server's own close() would also end its connections, with calls under way. */
function ended(server: NetServer): Promise<void> {
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
}

function addressOf(server: NetServer): AddressInfo {
  const address = server.address();
  if (!address || typeof address === "string") throw new TypeError(`Found address ${address}, wanted a TCP port`);
  return address;
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  // A peer that breaks off is no event: its calls end by their own signals.
  socket.on("error", () => {});
}

function createCounter() {
  let count = 0;
  let onChange = () => {};
  const change = (by: number) => {
    count += by;
    onChange();
  };
  return {
    add: () => change(1),
    done: () => change(-1),
    /** Whether nothing has been in flight for so many milliseconds; says no when `graceMs` are over. */
    quiet: (ms: number, graceMs: number) =>
      new Promise<boolean>((resolve) => {
        let calm: ReturnType<typeof setTimeout> | undefined;
        const end = (quiet: boolean) => {
          clearTimeout(calm);
          clearTimeout(late);
          onChange = () => {};
          resolve(quiet);
        };
        const late = setTimeout(end, graceMs, false);
        onChange = () => {
          clearTimeout(calm);
          if (count === 0) calm = setTimeout(end, ms, true);
        };
        onChange();
      }),
  };
}
