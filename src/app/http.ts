import type { Authenticate } from "../auth/authenticate.ts";
import { requireAuth } from "../auth/require.ts";
import type { Config } from "../config/read.ts";
import { withCors } from "../http/cors.ts";
import type { Handler } from "../http/handler.ts";
import { withSecurityHeaders } from "../http/headers.ts";
import { withHostCheck } from "../http/host.ts";
import { createStatic } from "../http/static.ts";
import { createTextRoutes } from "../http/text.ts";
import type { Readiness } from "../service/readiness.ts";
import { type Metrics, PROMETHEUS } from "../telemetry/metrics.ts";

const CONSOLE = new URL("../console/dist/", import.meta.url);
/** Their failures are logged at level debug. */
export const PROBES = ["/healthz", "/readyz"];

export interface PagesOptions {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Protects /metrics. */
  readonly authenticate: Authenticate;
  /** Served to the console as /console.json. */
  readonly consoleSettings: () => unknown;
}

/** Serves the console, probes and metrics. */
export function createPages({ readiness, metrics, authenticate, consoleSettings }: PagesOptions): Handler {
  const routes = createTextRoutes({
    "/healthz": () => ({ status: 200, body: "ok\n" }),
    "/readyz": () =>
      readiness.ready()
        ? { status: 200, body: "ok\n" }
        : { status: 503, body: readiness.reasons().map((reason) => `${reason}\n`).join("") },
    "/metrics": requireAuth(authenticate, async () => ({
      status: 200,
      body: await metrics.scrape(),
      headers: { "content-type": PROMETHEUS },
    })),
  });
  return createStatic({ directory: CONSOLE, settings: consoleSettings, fallback: routes });
}

/** Adds what applies to every request: Host check, CORS, security headers. */
export function withHttpRules(handler: Handler, { auth, tls, corsOrigins, corsLocalhost }: Config): Handler {
  const cors = withCors(handler, {
    origins: corsOrigins,
    allowLocalhost: corsLocalhost,
    allow: ["Authorization", "X-Request-Id", "Traceparent", "Tracestate", "Baggage", "Sentry-Trace"],
    expose: ["WWW-Authenticate", "X-Request-Id"],
    // A page of another origin has no credentials, and no certificate for its name.
    trustAnyHost: Boolean(auth.tokensFile || auth.jwt || tls),
  });
  return withSecurityHeaders(withHostCheck(cors), tls !== undefined);
}
