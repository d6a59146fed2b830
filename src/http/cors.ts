import { isIP } from "node:net";
import { cors } from "@connectrpc/connect";
import { withoutBrackets } from "../util/url.ts";
import type { Handler, NodeServerRequest } from "./handler.ts";
import { authorityOf } from "./host.ts";
import { sendText } from "./text.ts";

export interface CorsOptions {
  /** Exact origins, like "https://shop.example". */
  readonly origins: readonly string[];
  /** Whether pages of this machine may call, whatever their port. For development only. */
  readonly allowLocalhost: boolean;
  /** Request and response headers besides Connect's and gRPC-Web's. */
  readonly allow: readonly string[];
  readonly expose: readonly string[];
  /** Treat any Host as same-origin. Only safe when calls need credentials or TLS (DNS rebinding). */
  readonly trustAnyHost: boolean;
}

/** Seconds that a browser may cache a preflight: Chromium's maximum (Firefox allows a day). */
const MAX_AGE = "7200";

/**
 * Allows calls from pages of the given origins and of the service's own. Other origins get 403, even for requests without
 * a preflight, whose response the browser would hide only after the call was made.
 */
export function withCors(
  handler: Handler,
  { origins, allowLocalhost, allow, expose, trustAnyHost }: CorsOptions,
): Handler {
  const allowed = new Set(origins);
  const allowHeaders = [...cors.allowedHeaders, ...allow].join(", ");
  const allowMethods = cors.allowedMethods.join(", ");
  const exposeHeaders = [...cors.exposedHeaders, ...expose].join(", ");

  return (request, response) => {
    const { origin } = request.headers;
    const preflight = request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
    if (allowed.size > 0 || allowLocalhost) response.setHeader("vary", "Origin");
    if (origin === undefined || isSameOrigin(origin, request, trustAnyHost)) return handler(request, response);
    if (!allowed.has(origin) && !(allowLocalhost && isLocalhost(origin))) {
      return sendText(response, 403, "Origin not allowed; add it to CORS_ORIGINS\n");
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

/** Browsers also send Origin with same-origin POSTs. */
function isSameOrigin(origin: string, request: NodeServerRequest, trustAnyHost: boolean): boolean {
  const authority = authorityOf(request);
  if (origin !== `http://${authority}` && origin !== `https://${authority}`) return false;
  // Reading needs no Origin header, so checking one protects nothing.
  if (trustAnyHost || request.method === "GET" || request.method === "HEAD") return true;
  const { hostname } = new URL(origin);
  return /(^|\.)localhost$/.test(hostname) || isIP(withoutBrackets(hostname)) !== 0;
}

function isLocalhost(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { hostname } = new URL(origin);
  return /(^|\.)localhost$|^127(\.\d+){3}$|^\[::1\]$/.test(hostname);
}
