import { isIP } from "node:net";
import { cors } from "@connectrpc/connect";
import { authorityOf } from "./host.ts";
import type { Handler, NodeServerRequest } from "./listen.ts";

export interface CorsOptions {
  /** Exact origins, like "https://shop.example". */
  readonly origins: readonly string[];
  /** Request and response headers besides Connect's and gRPC-Web's. */
  readonly allow: readonly string[];
  readonly expose: readonly string[];
  /**
   * Whether a page is the service's own whatever name it came from here under. Where calls need no credentials, any name
   * but localhost may be a stranger's that leads here for a moment (DNS rebinding).
   */
  readonly anyName: boolean;
}

/** Seconds that a browser may remember a preflight: the most that Chromium does (Firefox: a day). */
const MAX_AGE = "7200";

/**
 * Lets pages of the given origins call, and no others. Tells so in answers; a call of another origin that needs no
 * preflight is refused as well, for its browser would only hide the answer.
 */
export function withCors(handler: Handler, { origins, allow, expose, anyName }: CorsOptions): Handler {
  const allowed = new Set(origins);
  const allowHeaders = [...cors.allowedHeaders, ...allow].join(", ");
  const allowMethods = cors.allowedMethods.join(", ");
  const exposeHeaders = [...cors.exposedHeaders, ...expose].join(", ");

  return (request, response) => {
    const { origin } = request.headers;
    const preflight = request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
    if (allowed.size > 0) response.setHeader("vary", "Origin");
    if (origin === undefined || isOwn(origin, request, anyName)) return handler(request, response);
    if (!allowed.has(origin)) {
      response.statusCode = 403;
      response.setHeader("content-type", "text/plain; charset=utf-8");
      response.end("Pages of this origin may not call, CORS_ORIGINS does not name it\n");
      return;
    }
    response.setHeader("access-control-allow-origin", origin);
    if (!preflight) {
      response.setHeader("access-control-expose-headers", exposeHeaders);
      return handler(request, response);
    }
    response.statusCode = 204;
    response.setHeader("access-control-allow-methods", allowMethods);
    response.setHeader("access-control-allow-headers", allowHeaders);
    response.setHeader("access-control-max-age", MAX_AGE);
    response.end();
  };
}

/** Whether the page was served here: browsers name the origin of their own site's POSTs, too. */
function isOwn(origin: string, request: NodeServerRequest, anyName: boolean): boolean {
  const authority = authorityOf(request);
  if (origin !== `http://${authority}` && origin !== `https://${authority}`) return false;
  // What is read and not called, like the page itself, needs no Origin to be had.
  if (anyName || request.method === "GET" || request.method === "HEAD") return true;
  const { hostname } = new URL(origin);
  return /(^|\.)localhost$/.test(hostname) || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
}
