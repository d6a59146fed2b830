import type { Http2SecureServer, Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { withAgeJitter } from "./age.ts";
import { LIMITS } from "./timeout.ts";

export interface SessionOptions {
  /** Milliseconds without an open stream until a session is closed. Defaults to 75 s. */
  readonly idleMs?: number;
  /** The same for clients that a GOAWAY could crash, closed without one. Defaults to 20 min. */
  readonly silentIdleMs?: number;
  /** Milliseconds until a session gets GOAWAY, whether idle or not. Defaults to never. */
  readonly maxAgeMs?: number;
  /** Milliseconds between PINGs to a session; one without an answer until the next is destroyed. Defaults to 20 s. */
  readonly pingMs?: number;
  /** Milliseconds between checks of these. Defaults to 1 s. */
  readonly checkMs?: number;
  /** From 0 to below 1, for the jitter of `maxAgeMs`. Defaults to Math.random. */
  readonly random?: () => number;
}

export interface Sessions {
  /** Sends GOAWAY, so that clients make their next calls over another connection; calls in flight continue. */
  drain(): void;
}

const DEFAULTS = {
  idleMs: LIMITS.keepAliveTimeout,
  // connect-node closes its own idle connections after 15 minutes.
  silentIdleMs: 20 * 60_000,
  maxAgeMs: Infinity,
  // Balancers cut silent connections after 30 s or more.
  pingMs: 20_000,
  checkMs: 1_000,
  random: Math.random,
};

/** Milliseconds between GOAWAY and the end of an idle connection, within which clients close it themselves. */
const GRACE_MS = 200;

/**
 * Names of clients that do not run on Deno, whose HTTP/2 client crashes on a GOAWAY without open streams
 * (denoland/deno#36788). JavaScript clients do not name their runtime.
 */
const TOLERATES_GOAWAY = /\b(grpc-(?!node)|connect-(?!es\b)|Mozilla\/|Go-http-client\/|curl\/)/;

/**
 * Closes idle HTTP/2 sessions, drains old ones, and all of them at shutdown, and keeps those with calls alive. On Deno
 * 2.9.6 freeing a session within an nghttp2 call crashes the process (denoland/deno#36788).
 */
export function createSessions(server: Http2Server | Http2SecureServer, overrides: SessionOptions = {}): Sessions {
  const options = { ...DEFAULTS, ...overrides };
  const open = new Set<Session>();
  let draining = false;
  /** One for all, since a service may have ten thousand sessions; none without any. */
  let timer: ReturnType<typeof setInterval> | undefined;

  server.on("session", (http2: ServerHttp2Session) => {
    const session = new Session(http2, options);
    if (draining) session.drain();
    open.add(session);
    timer ??= setInterval(check, options.checkMs);
    http2.on("close", () => {
      open.delete(session);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    });
  });
  function check(): void {
    const now = performance.now();
    for (const session of open) session.check(now);
  }

  return {
    drain() {
      draining = true;
      for (const session of open) session.drain();
    },
  };
}

class Session {
  readonly #http2: ServerHttp2Session;
  readonly #options: Required<SessionOptions>;
  readonly #streams = new Set<ServerHttp2Stream>();
  readonly #expiresAt: number;
  #idleSince = performance.now();
  #pingedAt = this.#idleSince;
  #unanswered = false;
  #toleratesGoaway = false;
  /** Gets GOAWAY at once or, if it could crash the idle client, with the next stream. */
  #leaving = false;
  #goawaySentAt: number | undefined;

  constructor(http2: ServerHttp2Session, options: Required<SessionOptions>) {
    this.#http2 = http2;
    this.#options = options;
    this.#expiresAt = this.#idleSince + withAgeJitter(options.maxAgeMs, options.random);
    deferClose(http2);
    http2.on("error", () => {});
    // Before the listener that answers.
    http2.prependListener("stream", (stream, headers) => {
      this.#toleratesGoaway ||= TOLERATES_GOAWAY.test(headers["user-agent"] ?? "");
      this.#streams.add(stream);
      stream.on("close", () => {
        this.#streams.delete(stream);
        this.#idleSince = performance.now();
      });
      // After everything received so far, before the first response.
      queueMicrotask(() => this.#leaving && this.#sendGoaway());
    });
  }

  drain(): void {
    this.#leaving = true;
    if ([...this.#streams].some((stream) => !stream.writableEnded)) this.#sendGoaway();
  }

  check(now: number): void {
    if (this.#http2.destroyed) return;
    const idleMs = this.#streams.size > 0 ? 0 : now - this.#idleSince;
    const over = this.#goawaySentAt !== undefined
      ? Math.min(idleMs, now - this.#goawaySentAt) >= GRACE_MS
      : idleMs >= this.#options.silentIdleMs && !this.#toleratesGoaway;
    if (over) return this.#http2.socket.destroySoon();
    if (now >= this.#expiresAt || (idleMs >= this.#options.idleMs && this.#toleratesGoaway)) this.#leave();
    if (now - this.#pingedAt >= this.#options.pingMs) this.#ping(now);
  }

  #leave(): void {
    this.#leaving = true;
    if (this.#toleratesGoaway || this.#streams.size > 0) this.#sendGoaway();
  }

  /** A call that crosses it was not processed, as its Last-Stream-ID says; clients then retry by themselves. */
  #sendGoaway(): void {
    if (this.#http2.destroyed || this.#goawaySentAt !== undefined) return;
    this.#goawaySentAt = performance.now();
    this.#http2.goaway();
  }

  /** Also detects clients that are gone without closing the connection. */
  #ping(now: number): void {
    if (this.#unanswered) return this.#http2.destroy();
    this.#pingedAt = now;
    this.#unanswered = true;
    this.#http2.ping(() => this.#unanswered = false);
  }
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
