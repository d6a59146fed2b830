import { Buffer } from "node:buffer";
import { DaxPayFailure } from "./failure.ts";
import { MAX_REPLY_BYTES } from "./reply.ts";

/** The address of a path of DaxPay, whose base may hold a path prefix. */
export function endpoint(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
  return url;
}

/**
 * A body that cannot be sent a second time. Deno's fetch sends any other again by itself when a kept connection breaks,
 * even after the server has read the whole request, and a DaxPay request must be signed anew for every attempt.
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

/** Reads little more than a reply may have, so that the reader can tell that there is more, and drops the rest. */
export async function readBody(response: Response): Promise<Uint8Array> {
  // What was compressed has another length than it says.
  const told = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  if (told !== null && Number(told) <= MAX_REPLY_BYTES) return await response.bytes();
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

/**
 * Deno's fetch tells in words only where it failed. What surely happened before the request left is NOT_SENT;
 * everything else may have reached DaxPay.
 */
export function failureFromFetchError(
  error: unknown,
  { timedOut, answered }: { timedOut: boolean; answered: boolean },
) {
  if (timedOut) {
    return new DaxPayFailure("UPSTREAM_TIMEOUT", "DaxPay gave no answer before the deadline", { cause: error });
  }
  const words = chainOf(error).map(String).join(": ");
  if (!answered && /client error \(Connect\)|are blocked|NotCapable/.test(words)) {
    return new DaxPayFailure("UPSTREAM_UNREACHABLE", `Cannot reach DaxPay: ${summarize(words)}`, { cause: error });
  }
  return new DaxPayFailure(
    "REPLY_INTERRUPTED",
    `The connection to DaxPay broke ${answered ? "within the reply" : "before a reply"}: ${summarize(words)}`,
    { cause: error },
  );
}

function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let at = error; at !== undefined && at !== null && chain.length < 8; at = (at as Error).cause) chain.push(at);
  return chain;
}

/** The innermost cause says it best. */
function summarize(words: string): string {
  return words.split(/: (?:client error \(\w+\): )?/).slice(-2).join(": ").slice(0, 200);
}

/** Retry-After holds seconds or a date (RFC 9110, 10.2.3). At most a day is believed. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), 24 * 3600 * 1000);
}
