import type { Handler, NodeServerRequest } from "./listen.ts";

/** A short answer in plain text. */
export interface TextResponse {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type PlainRoute = (request: NodeServerRequest) => TextResponse | Promise<TextResponse>;

/** Answers GET and HEAD for the given paths; everything else is for the fallback, or not found. */
export function createTextRoutes(routes: Readonly<Record<string, PlainRoute>>, fallback?: Handler): Handler {
  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0];
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (!route && fallback) return fallback(request, response);
    answer(route, request).catch((): TextResponse => ({ status: 500, body: "Internal error\n" })).then((plain) => {
      response.statusCode = plain.status;
      response.setHeader("content-type", "text/plain; charset=utf-8");
      response.setHeader("cache-control", "no-store");
      for (const [name, value] of Object.entries(plain.headers ?? {})) response.setHeader(name, value);
      response.end(request.method === "HEAD" ? "" : plain.body);
    });
  };
}

async function answer(route: PlainRoute | undefined, request: NodeServerRequest): Promise<TextResponse> {
  if (!route) return { status: 404, body: "Not found\n" };
  if (request.method === "GET" || request.method === "HEAD") return await route(request);
  return { status: 405, body: "Method not allowed, wanted GET\n", headers: { allow: "GET, HEAD" } };
}
