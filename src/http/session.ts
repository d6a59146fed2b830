import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { LIMITS } from "./timeout.ts";

export interface Sessions {
  /** Sends GOAWAY, so that clients make their next calls over another connection; calls in flight continue. */
  drain(): void;
}

/**
 * Closes idle HTTP/2 sessions and drains all of them at shutdown. On Deno 2.9.6 freeing a session within an nghttp2 call
 * crashes the process (denoland/deno#36788), and a GOAWAY to a session without open streams does that on either side.
 */
export function createSessions(
  server: Http2Server | Http2SecureServer,
  idleMs: number = LIMITS.keepAliveTimeout,
): Sessions {
  const open = new Map<ServerHttp2Session, Set<ServerHttp2Stream>>();
  const goawaySent = new WeakSet<ServerHttp2Session>();
  let draining = false;

  /**
   * Only for a session with an open stream, since a client that runs on Deno could crash. The others get it with their
   * next call, or have their connection closed.
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
    // Before the listener that answers.
    session.prependListener("stream", (stream) => {
      streams.add(stream);
      stream.on("close", () => streams.delete(stream));
      // After everything received so far, before the first response.
      if (draining) queueMicrotask(() => sendGoaway(session));
    });
    // A watch may be silent for longer, but its connection is in use.
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

/** Defers the end of a session until nghttp2 has returned; otherwise any client's GOAWAY could crash the process. */
function deferClose(session: ServerHttp2Session): void {
  const close = session.close.bind(session);
  const destroy = session.destroy.bind(session);
  Object.assign(session, {
    close: (...rest: Parameters<typeof close>) => void setImmediate(() => close(...rest)),
    destroy: (...rest: Parameters<typeof destroy>) => void setImmediate(() => destroy(...rest)),
  });
}
