import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Page } from "./page.ts";

/** A request's body beyond this is a mistake, and its connection is ended. */
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

/** Sends the whole page, unless the caller has gone. */
export function send(response: ServerResponse, { status, type, body, headers }: Page, date: string): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, {
    date,
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** Announces the whole page, sends its first half and ends the connection. */
export function sendHalf(response: ServerResponse, { status, type, body }: Page, date: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { date, "content-type": type, "content-length": bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.destroy());
}

/** Writes the `Date` header by the given clock, anew each second. */
export function createDateHeader(now: () => number): () => string {
  let last = { second: NaN, text: "" };
  return () => {
    const second = Math.floor(now() / 1000);
    if (second !== last.second) last = { second, text: new Date(second * 1000).toUTCString() };
    return last.text;
  };
}
