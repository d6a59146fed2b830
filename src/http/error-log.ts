import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "@logtape/logtape";
import type { NodeServerRequest } from "./handler.ts";
import { pathOf } from "../util/url.ts";

/** A response with HTTP status 400 or higher. */
export interface ErrorResponse {
  /** Unset, like `path`, if the request could not be parsed. */
  readonly method?: string;
  readonly path?: string;
  readonly status: number;
  /** Remote address. */
  readonly peer: string | undefined;
}

const MAX_PATH_LENGTH = 200;
/** Limits what a flood of bad requests can write. */
const MAX_LINES_PER_SECOND = 10;

/** Leaves out the query, which may hold a secret. */
export function errorResponseOf(request: NodeServerRequest, status: number, peer: string | undefined): ErrorResponse {
  return { method: printable(request.method ?? ""), path: printable(pathOf(request.url)), status, peer };
}

/** Answers a request that could not be parsed or timed out; undefined if the client has disconnected. */
export function respondUnparsable({ code }: NodeJS.ErrnoException, socket: Socket): ErrorResponse | undefined {
  const peer = socket.remoteAddress;
  if (code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n\r\n`);
  socket.destroySoon();
  return { status, peer };
}

/**
 * Logs error responses at level info, those of `debugPaths` at level debug; at most 10 per second. `elapsed` is in monotonic
 * milliseconds.
 */
export function createErrorResponseLog(logger: Logger, debugPaths: readonly string[], elapsed: () => number) {
  let second = 0;
  let lines = 0;
  let suppressed = 0;

  return (error: ErrorResponse): void => {
    if (error.path !== undefined && debugPaths.includes(error.path)) {
      return logger.debug("{method} {path} returned {status}", { ...error });
    }
    const currentSecond = Math.floor(elapsed() / 1000);
    if (currentSecond !== second) [second, lines] = [currentSecond, 0];
    if (++lines > MAX_LINES_PER_SECOND) return void suppressed++;
    const fields = suppressed > 0 ? { ...error, suppressed } : { ...error };
    suppressed = 0;
    if (error.path === undefined) logger.info("Unparsable request returned {status}", fields);
    else logger.info("{method} {path} returned {status}", fields);
  };
}

/** Truncates, and replaces everything that could break a log line. */
function printable(text: string): string {
  return text.slice(0, MAX_PATH_LENGTH).replace(/[^\x21-\x7e]/g, "?");
}
