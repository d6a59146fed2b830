import { Buffer } from "node:buffer";
import { systemTimers, within } from "../util/timers.ts";
import { pathOf } from "../util/url.ts";
import type { Handler, NodeServerRequest, NodeServerResponse } from "./handler.ts";
import { sendText } from "./text.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** What the sender of a notice gets: DaxPay looks at the body before 4.x, at both there. */
export interface NoticeAnswer {
  readonly status: number;
  readonly body: string;
}

/** Limits of anonymous requests. Rates are per account. */
export const NOTICE_LIMITS = {
  maxBytes: 64 * 1024,
  /** Milliseconds until the body must be complete. */
  bodyTimeoutMs: 10_000,
  /** Milliseconds from then until the response: before 4.x DaxPay waits for 5 s in all. */
  answerTimeoutMs: 3_000,
  /** Requests per second. */
  rate: 50,
  /** Requests at once after a pause. */
  burst: 200,
  /** Notices that may be processed at the same time, over all accounts. */
  concurrency: 64,
} as const;

export interface NoticesOptions {
  readonly hasAccount: (account: string) => boolean;
  /** Processes the body of a notice, which nobody has verified yet. */
  readonly accept: (account: string, body: Uint8Array) => Promise<NoticeAnswer>;
  /** Called where `accept` failed, also after the response. */
  readonly onError: (account: string, error: unknown) => void;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
  /** Handles all other paths, those of unknown accounts among them. */
  readonly fallback: Handler;
  readonly limits?: Partial<Record<keyof typeof NOTICE_LIMITS, number>>;
}

const PATH = /^\/notices\/daxpay\/([^/]+)$/;

/**
 * Serves POST /notices/daxpay/<account>. Where `accept` takes too long the sender gets 503, and the work goes on: the
 * sender will repeat the notice.
 */
export function createNotices(options: NoticesOptions): Handler {
  const { hasAccount, accept, onError, elapsed, fallback } = options;
  const { maxBytes, bodyTimeoutMs, answerTimeoutMs, rate, burst, concurrency } = {
    ...NOTICE_LIMITS,
    ...options.limits,
  };
  /** One for each account, and accounts come from the configuration. */
  const buckets = new Map<string, () => number>();
  let processed = 0;

  function waitMs(account: string): number {
    const bucket = buckets.get(account) ?? createTokenBucket({ rate, burst, elapsed });
    buckets.set(account, bucket);
    return bucket();
  }

  async function respond(account: string, request: NodeServerRequest, response: NodeServerResponse): Promise<void> {
    const send = (status: number, body: string, headers?: Readonly<Record<string, string>>) => {
      response.setHeader("cache-control", "no-store");
      sendText(response, status, body, headers);
    };
    if (request.method !== "POST") return send(405, "Method not allowed; use POST\n", { allow: "POST" });
    if (!/^(application\/json\s*(;.*)?)?$/i.test(request.headers["content-type"] ?? "")) {
      return send(415, "Unsupported content type; use application/json\n");
    }
    const wait = waitMs(account);
    if (wait > 0) return send(429, "Too many notices\n", { "retry-after": String(Math.ceil(wait / 1000)) });
    const body = await readBody(request, response, { maxBytes, timeoutMs: bodyTimeoutMs });
    switch (body) {
      case "too-large":
        return send(413, `Notice too large; at most ${maxBytes} bytes\n`);
      case "too-slow":
        return send(408, "Notice incomplete\n");
      case "gone":
        return;
    }
    if (processed >= concurrency) return send(503, "Too many notices at once\n", { "retry-after": "1" });
    const answer = await within(systemTimers, answerTimeoutMs, process(account, body));
    if (answer) send(answer.status, answer.body);
    else send(503, "Cannot process the notice now\n");
  }

  /** Undefined where `accept` failed. */
  async function process(account: string, body: Uint8Array): Promise<NoticeAnswer | undefined> {
    processed++;
    try {
      return await accept(account, body);
    } catch (error) {
      onError(account, error);
    } finally {
      processed--;
    }
  }

  return (request, response) => {
    const account = PATH.exec(pathOf(request.url))?.[1];
    if (account === undefined || !hasAccount(account)) return fallback(request, response);
    respond(account, request, response).catch((error) => response.destroy(error));
  };
}

/** What comes after the limit stays unread. `gone`: the sender has left. */
function readBody(
  request: NodeServerRequest,
  response: NodeServerResponse,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
): Promise<Uint8Array | "too-large" | "too-slow" | "gone"> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.resolve("too-large");
  const { promise, resolve } = Promise.withResolvers<Uint8Array | "too-large" | "too-slow" | "gone">();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const timer = setTimeout(resolve, timeoutMs, "too-slow");
  const onData = (chunk: Uint8Array) => {
    size += chunk.length;
    if (size > maxBytes) resolve("too-large");
    else chunks.push(chunk);
  };
  // An HTTP/2 request ends also when its stream is broken off.
  const onEnd = () => resolve(request.aborted ? "gone" : Buffer.concat(chunks));
  const onGone = () => resolve("gone");
  request.on("data", onData);
  request.on("end", onEnd);
  request.on("error", onGone);
  response.on("close", onGone);
  return promise.finally(() => {
    clearTimeout(timer);
    request.off("data", onData);
    request.off("end", onEnd);
    response.off("close", onGone);
  });
}
