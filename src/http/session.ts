import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { LIMITS } from "./timeout.ts";

export interface Sessions {
  /** Asks every client to make its next calls over another connection; those under way go on. */
  drain(): void;
}

/**
 * Looks after a server's HTTP/2 connections. On Deno 2.9.6 a session that is freed within nghttp2's own call takes the
 * process down (denoland/deno#36788), and a GOAWAY to a session without open streams does just that: on either side.
 */
export function createSessions(
  server: Http2Server | Http2SecureServer,
  idleMs: number = LIMITS.keepAliveTimeout,
): Sessions {
  const open = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>();
  const goawaySent = new WeakSet<ServerHttp2Session>();
  let draining = false;

  /**
   * GOAWAY says which calls will be answered; a client makes the others elsewhere. Only for a session with an open stream:
   * a client that runs on Deno could crash. The rest are told with their next call, or find their connection closed.
   */
  function sendGoaway(session: ServerHttp2Session): void {
    if (session.destroyed || goawaySent.has(session)) return;
    goawaySent.add(session);
    session.goaway();
  }

  server.on("session", (session: ServerHttp2Session) => {
    const streams = new Set<ServerHttp2Stream>();
    deferClose(session);
    open.set(session, streams);
    session.on("close", () => open.delete(session));
    session.on("error", () => {});
    // Ahead of whoever answers.
    session.prependListener("stream", (stream) => {
      streams.add(stream);
      stream.on("close", () => streams.delete(stream));
      // After all that the client has sent by now, before the first answer.
      if (draining) queueMicrotask(() => sendGoaway(session));
    });
    // A watch may be silent for longer; its connection is in use.
    session.setTimeout(idleMs, () => streams.size > 0 || session.socket.destroySoon());
  });

  return {
    drain() {
      draining = true;
      for (const [session, streams] of open) {
        if ([...streams].some((stream) => !stream.writableEnded)) sendGoaway(session);
      }
    },
  };
}

/** Lets a session end only when nghttp2 has returned: any client's GOAWAY could end the process otherwise. */
function deferClose(session: ServerHttp2Session): void {
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  Object.assign(session, {
    close: (...rest: Parameters<typeof close>) => void setImmediate(() => close(...rest)),
    destroy: (...rest: Parameters<typeof destroy>) => void setImmediate(() => destroy(...rest)),
  });
}
