import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "@logtape/logtape";
import type { NodeServerRequest } from "./listen.ts";

/** A request that was answered with a status of 400 or more. */
export interface ErrorResponse {
  /** Unset, as is the path, where the request could not be read. */
  readonly method?: string;
  readonly path?: string;
  readonly status: number;
  /** Address of who asked. */
  readonly peer: string | undefined;
}

/** Characters of a path that are kept. */
const PATH_LENGTH = 200;
/** Lines per second at the most: whoever wants to be refused can be so thousands of times. */
const MAX_LINES_PER_SECOND = 10;

/** What there is to tell of a request that has ended. No query: it may hold something secret. */
export function errorResponseOf(request: NodeServerRequest, status: number, peer: string | undefined): ErrorResponse {
  const [path] = (request.url ?? "").split("?", 1);
  return { method: printable(request.method ?? ""), path: printable(path), status, peer };
}

/** Answers what is no request, or came too slowly to become one; undefined where its sender has gone. */
export function refuseUnreadable({ code }: NodeJS.ErrnoException, socket: Socket): ErrorResponse | undefined {
  const peer = socket.remoteAddress;
  if (code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`);
  socket.destroySoon();
  return { status, peer };
}

/** Writes a line of level info for each, of level debug for those paths that are asked again and again. */
export function createErrorResponseLog(logger: Logger, quiet: readonly string[], now: () => number) {
  let second = 0;
  let lines = 0;
  let skipped = 0;

  return (refusal: ErrorResponse): void => {
    if (refusal.path !== undefined && quiet.includes(refusal.path)) {
      return logger.debug("{method} {path} answered with {status}", { ...refusal });
    }
    const present = Math.floor(now() / 1000);
    if (present !== second) [second, lines] = [present, 0];
    if (++lines > MAX_LINES_PER_SECOND) return void skipped++;
    const line = skipped > 0 ? { ...refusal, skipped } : { ...refusal };
    skipped = 0;
    if (refusal.path === undefined) logger.info("An unreadable request answered with {status}", line);
    else logger.info("{method} {path} answered with {status}", line);
  };
}

/** As it can stand in a line. */
function printable(text: string): string {
  return text.slice(0, PATH_LENGTH).replace(/[^\x21-\x7e]/g, "?");
}
