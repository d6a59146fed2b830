import type { Socket } from "node:net";
import type { Handler } from "./handler.ts";

/** Part of an age, as in gRPC, lest all clients of a deployment reconnect at once. */
const JITTER = 0.1;

/** Lengthens or shortens an age by up to a tenth. `random` is from 0 to below 1. */
export function withAgeJitter(ageMs: number, random: () => number): number {
  return ageMs * (1 + JITTER * (2 * random() - 1));
}

/** Closes an HTTP/1.1 connection with the first response after the given time; HTTP/2 has GOAWAY for that. */
export function withMaxAge(handler: Handler, maxAgeMs: number, random: () => number = Math.random): Handler {
  if (maxAgeMs === Infinity) return handler;
  const expiry = new WeakMap<Socket, number>();
  return (request, response) => {
    if (request.httpVersionMajor === 1) {
      const now = performance.now();
      const expiresAt = expiry.get(request.socket) ?? now + withAgeJitter(maxAgeMs, random);
      expiry.set(request.socket, expiresAt);
      if (now >= expiresAt) response.setHeader("connection", "close");
    }
    handler(request, response);
  };
}
