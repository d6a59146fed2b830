import { createServer } from "node:http";
import { createSecureServer, createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { addressOf, bind, superviseAccept } from "./accept.ts";
import { withMaxAge } from "./age.ts";
import { withCoalescedWrites } from "./cork.ts";
import { LIMITS, withRequestTimeout } from "./timeout.ts";
import { type ErrorResponse, errorResponseOf, respondUnparsable } from "./error-log.ts";
import type { Handler, NodeServerResponse } from "./handler.ts";
import { createSessions } from "./session.ts";

export interface ListenOptions {
  readonly host: string;
  /** HTTP/1.1, with TLS both versions; 0 picks a free one. */
  readonly port: number;
  /** Cleartext HTTP/2, unused with TLS; 0 picks a free one. */
  readonly grpcPort: number;
  readonly tls: (SecureContextOptions & TlsOptions) | undefined;
  /** Over both ports; further connections are closed immediately. */
  readonly maxConnections: number;
  /** Milliseconds, give or take a tenth, until a connection takes no further calls; those in flight finish. */
  readonly maxConnectionAgeMs?: number | undefined;
  readonly handler: Handler;
  /** Called for every response with status 400 or higher; without `response` if the request could not be parsed. */
  readonly onErrorResponse: (error: ErrorResponse, response?: NodeServerResponse) => void;
  /** Called when a port is served again that had stopped accepting, or with an error while it cannot be. */
  readonly onRestart?: (port: number, error?: Error) => void;
}

export interface Server {
  readonly http: AddressInfo;
  /** The same as `http` with TLS. */
  readonly grpc: AddressInfo;
  /** Serves new connections with another certificate. */
  setTls(options: SecureContextOptions & TlsOptions): void;
  /** Number of open connections. */
  connections(): number;
  /**
   * Accepts no new connections, sends GOAWAY, waits at most `graceMs` for calls in flight, calls `forceClose`, which has to
   * end them and to reject new ones, and closes every connection.
   */
  close(graceMs: number, forceClose: () => void): Promise<void>;
}

/**
 * Milliseconds of silence after which TCP probes a connection. HTTP/1.1 has nothing else for a silent stream: every message
 * of Connect and gRPC-Web means something, and a chunk cannot be empty.
 */
const TCP_KEEP_ALIVE_MS = 20_000;

/** Milliseconds without any call after which none can still be in transit. */
const QUIET_PERIOD_MS = 200;

const HTTP2 = {
  settings: { maxConcurrentStreams: LIMITS.maxConcurrentStreams, maxHeaderListSize: LIMITS.maxHeaderSize },
  maxSessionInvalidFrames: LIMITS.maxSessionInvalidFrames,
} as const;

/** A port could not be bound. `cause` is the system's error, with its code. */
export class BindError extends Error {
  override readonly name = "BindError";
  readonly option: "port" | "grpcPort";
  /** For example EADDRINUSE; undefined if the error has none. */
  readonly code: string | undefined;

  constructor(option: "port" | "grpcPort", cause: NodeJS.ErrnoException) {
    super(cause.message, { cause });
    this.option = option;
    this.code = cause.code;
  }
}

/**
 * Starts the HTTP servers. Without TLS on two ports, one per HTTP version, since handing a cleartext socket from one server
 * to the other breaks HTTP/1.1 keep-alive on Deno; with TLS on one, where ALPN chooses the version. Throws BindError.
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { host, tls, maxConnections, maxConnectionAgeMs = Infinity, onRestart = () => {} } = options;
  const inFlight = createCounter();
  const sockets = new Set<Socket>();
  let closing = false;

  const serve = withMaxAge(options.handler, maxConnectionAgeMs);
  const handler = withRequestTimeout((request, response) => {
    const peer = request.socket.remoteAddress;
    inFlight.add();
    response.once("close", () => {
      inFlight.done();
      const { statusCode: status } = response;
      if (status >= 400) options.onErrorResponse(errorResponseOf(request, status, peer), response);
    });
    if (closing && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    serve(request, response);
  });

  const secure = tls && createSecureServer({ ...LIMITS, ...HTTP2, ...tls, allowHTTP1: true }, handler);
  const http = secure ?? createServer(LIMITS, handler);
  const grpc = secure ?? createHttp2Server(HTTP2, handler);
  const servers = new Set<NetServer>([http, grpc]);

  for (const server of servers) {
    server.on("connection", (socket: Socket) => {
      if (sockets.size >= maxConnections) return void socket.destroy();
      socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
      track(sockets, socket);
    });
  }
  http.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const response = respondUnparsable(error, socket);
    if (response) options.onErrorResponse(response);
  });
  if (secure) secure.on("secureConnection", (socket) => socket.alpnProtocol === "h2" && withCoalescedWrites(socket));
  else grpc.on("connection", withCoalescedWrites);
  const sessions = createSessions(grpc, { maxAgeMs: maxConnectionAgeMs });

  try {
    await bind(http, host, options.port).catch((error) => fail("port", error));
    if (!secure) await bind(grpc, host, options.grpcPort).catch((error) => fail("grpcPort", error));
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const supervisions = [...servers].map((server) => superviseAccept(server, { onRestart }));

  return {
    http: addressOf(http),
    grpc: addressOf(grpc),
    setTls: (renewed) => secure?.setSecureContext(renewed),
    connections: () => sockets.size,
    async close(graceMs, forceClose) {
      closing = true;
      for (const stop of supervisions) stop();
      const closed = Promise.all([...servers].map(stopListening));
      if ("closeIdleConnections" in http) http.closeIdleConnections();
      sessions.drain();
      if (sockets.size > 0 && !await inFlight.idle(QUIET_PERIOD_MS, graceMs)) {
        forceClose();
        await inFlight.idle(QUIET_PERIOD_MS, 2 * QUIET_PERIOD_MS);
      }
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function fail(option: "port" | "grpcPort", error: NodeJS.ErrnoException): never {
  throw new BindError(option, error);
}

/** An HTTP/2 server's own close() would also end its connections, with calls in flight (denoland/deno#35609). */
function stopListening(server: NetServer): Promise<void> {
  return new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()));
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  // Calls over a broken connection end by their own signals.
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
    /** Resolves with true after `ms` without any call, with false after `graceMs`. */
    idle: (ms: number, graceMs: number) =>
      new Promise<boolean>((resolve) => {
        let idleTimer: ReturnType<typeof setTimeout> | undefined;
        const end = (idle: boolean) => {
          clearTimeout(idleTimer);
          clearTimeout(graceTimer);
          onChange = () => {};
          resolve(idle);
        };
        const graceTimer = setTimeout(end, graceMs, false);
        onChange = () => {
          clearTimeout(idleTimer);
          if (count === 0) idleTimer = setTimeout(end, ms, true);
        };
        onChange();
      }),
  };
}
