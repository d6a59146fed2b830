import type { Handler } from "./listen.ts";

/**
 * What browsers are told of every answer: nothing here is framed, sniffed, cached by chance or referred to. Pages that
 * need more say so themselves.
 */
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

/** Sets security headers on all answers. With TLS browsers are told to use nothing else. */
export function withSecurityHeaders(handler: Handler, tls: boolean): Handler {
  const headers = Object.entries(tls ? { ...HEADERS, "strict-transport-security": HSTS } : HEADERS);
  return (request, response) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    handler(request, response);
  };
}
