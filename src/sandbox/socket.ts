import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { HTML_TYPE, type HttpResponse } from "./http.ts";

/** A larger request ends its connection. */
const MAX_BODY_BYTES = 1024 * 1024;

export function readBody(request: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) request.socket.destroy();
    else chunks.push(chunk);
  });
  request.once("end", () => done(Buffer.concat(chunks).toString()));
}

/** Sends the whole response, unless the caller has disconnected. */
export function send(response: ServerResponse, { status, type, body, headers }: HttpResponse, date: string) {
  if (response.destroyed || response.headersSent) return;
  // Tomcat sends chunks; only a proxy's page has a length.
  const length = type === HTML_TYPE ? { "content-length": Buffer.byteLength(body) } : undefined;
  response.writeHead(status, { date, "content-type": type, ...length, ...headers });
  response.end(body);
}

/** Announces the whole response, sends its first half and ends the connection. */
export function sendHalf(response: ServerResponse, { status, type, body }: HttpResponse, date: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { date, "content-type": type, "content-length": bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.destroy());
}

/** Writes the `Date` header by the given clock, once per second. */
export function createDateHeader(now: () => number): () => string {
  let last = { second: NaN, text: "" };
  return () => {
    const second = Math.floor(now() / 1000);
    if (second !== last.second) last = { second, text: new Date(second * 1000).toUTCString() };
    return last.text;
  };
}
