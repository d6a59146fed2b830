import { Buffer } from "node:buffer";
import ky, { isTimeoutError } from "ky";
import { causeChain } from "../util/cause-chain.ts";
import { DaxPayFailure } from "./failure.ts";
import { MAX_REPLY_BYTES } from "./reply.ts";

/**
 * The connections to DaxPay. HTTP/1.1 only: Deno keeps a silently dead HTTP/2 connection in its pool, and loses requests
 * when a proxy sends GOAWAY. Idle connections are closed before the peer closes them, which would leave a sync in doubt:
 * load balancers do so from 15 s on, Tomcat after 20 or 60 s, nginx after 75 s.
 */
export const CONNECTION_OPTIONS = {
  http2: false,
  poolIdleTimeout: 10_000,
} as const satisfies Deno.CreateHttpClientOptions;

/** A complete HTTP reply. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  /** Little more than MAX_REPLY_BYTES at most. */
  readonly body: Uint8Array;
}

export interface HttpOptions {
  readonly fetch: typeof fetch;
  /** Milliseconds until the reply must be complete. */
  readonly timeoutMs: number;
  /** Sent with every request besides the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Http extends Disposable {
  /** Sends one POST request and reads its reply. Throws a DaxPayFailure, or the signal's reason where it aborts. */
  post(url: URL, body: string, signal?: AbortSignal): Promise<HttpReply>;
}

/** Creates an HTTP client with connections of its own, which its disposal closes. Never retries. */
export function createHttp({ fetch, timeoutMs, headers = {} }: HttpOptions): Http {
  const client = Deno.createHttpClient(CONNECTION_OPTIONS);
  const requests = ky.create({
    headers: { ...headers, "content-type": "application/json", "user-agent": "daxpay-refund-sync" },
    redirect: "manual",
    // A retry needs a new time, nonce and signature, so it happens where requests are signed.
    retry: 0,
    throwHttpErrors: false,
    timeout: timeoutMs,
  });

  async function post(url: URL, body: string, signal?: AbortSignal): Promise<HttpReply> {
    signal?.throwIfAborted();
    let headersReceived = false;
    let received: Uint8Array = new Uint8Array();
    try {
      const { status, headers } = await requests.post(url, {
        ...nonReplayableBody(body),
        signal,
        // Reading the body belongs to the request, so that ky's timeout covers it.
        async fetch(request, init) {
          const response = await fetch(request, { ...init, client } as RequestInit);
          headersReceived = true;
          received = await readBody(response);
          return response;
        },
      });
      return { status, headers, body: received };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw failureFromFetchError(error, headersReceived);
    }
  }

  let open = true;
  function close(): void {
    if (open) client.close();
    open = false;
  }

  return { post, [Symbol.dispose]: close };
}

/** The address of a path of DaxPay, whose base may hold a path prefix. */
export function endpoint(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url;
}

/**
 * A body that cannot be sent a second time. Deno's fetch resends any other when a kept connection breaks, even after the
 * server has read the whole request (denoland/deno#35610), and DaxPay would run the sync twice.
 */
export function nonReplayableBody(body: string) {
  const bytes = new TextEncoder().encode(body);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  return { body: stream, duplex: "half" } as const;
}

/** Reads a body up to little more than MAX_REPLY_BYTES, so that the reader can tell that there is more. */
export async function readBody(response: Response): Promise<Uint8Array> {
  // The declared length of a compressed body is another one.
  const contentLength = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  if (contentLength !== null && Number(contentLength) <= MAX_REPLY_BYTES) return await response.bytes();
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    chunks.push(next.value);
    length += next.value.length;
    if (length <= MAX_REPLY_BYTES) continue;
    // Closes the connection as well.
    await reader?.cancel();
    break;
  }
  return Buffer.concat(chunks);
}

/** What Deno's fetch reports where nothing of the request was processed: no connection, no permission, a refused stream. */
const NOT_SENT = /client error \(Connect\)|are blocked|NotCapable|refused stream before processing/;
/** What it reports where a reply arrived whose head is no HTTP, or more than it takes. */
const HEAD_MALFORMED = /message head is too large|invalid [\w\s-]+ parsed/;
/** What it reports where the connection broke within the body. Everything else is a body that cannot be decoded. */
const BODY_INTERRUPTED = /error reading a body from connection/;

/** Classifies by what was received; only before the headers does the text of Deno's error decide. */
function failureFromFetchError(error: unknown, headersReceived: boolean): DaxPayFailure {
  const delivery = headersReceived ? "ANSWERED" : undefined;
  if (isTimeoutError(error)) {
    return new DaxPayFailure("UPSTREAM_TIMEOUT", "DaxPay request timed out", { delivery, cause: error });
  }
  const text = causeChain(error).map(String).join(": ");
  const summary = summarize(text);
  if (!headersReceived && NOT_SENT.test(text)) {
    return new DaxPayFailure("UPSTREAM_UNREACHABLE", `Cannot reach DaxPay: ${summary}`, { cause: error });
  }
  if (headersReceived ? !BODY_INTERRUPTED.test(text) : HEAD_MALFORMED.test(text)) {
    return new DaxPayFailure("REPLY_MALFORMED", `Cannot read the reply: ${summary}`, { cause: error });
  }
  return new DaxPayFailure(
    "REPLY_INTERRUPTED",
    `The connection to DaxPay broke ${headersReceived ? "within the reply" : "before a reply"}: ${summary}`,
    { delivery, cause: error },
  );
}

/** The innermost cause is the most specific one. */
function summarize(text: string): string {
  return text.split(/: (?:client error \(\w+\): )?/).slice(-2).join(": ").slice(0, 200);
}

/** Reads Retry-After, seconds or a date (RFC 9110, 10.2.3), as milliseconds, at most a day. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 24 * 3600 * 1000);
}
