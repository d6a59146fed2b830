import type { Handler } from "./handler.ts";

/** The strictest defaults; the console's pages override what they need. */
const HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
};
/** Two years, in seconds. */
const HSTS = "max-age=63072000";

/** Sets security headers on every response; with TLS also Strict-Transport-Security. */
export function withSecurityHeaders(handler: Handler, tls: boolean): Handler {
  const headers = Object.entries(tls ? { ...HEADERS, "strict-transport-security": HSTS } : HEADERS);
  return (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    handler(request, response);
  };
}
