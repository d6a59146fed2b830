import type { Handler } from "./listen.ts";

/** A short answer in plain text. */
export interface Plain {
  readonly status: number;
  readonly body: string;
}

/** Answers GET and HEAD for the given paths, and 404 for everything else. */
export function createPlain(routes: Readonly<Record<string, () => Plain>>): Handler {
  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0];
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    const reads = request.method === "GET" || request.method === "HEAD";
    const { status, body } = answer(route, reads);
    response.statusCode = status;
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.setHeader("cache-control", "no-store");
    if (status === 405) response.setHeader("allow", "GET, HEAD");
    response.end(request.method === "HEAD" ? "" : body);
  };
}

function answer(route: (() => Plain) | undefined, reads: boolean): Plain {
  if (!route) return { status: 404, body: "Not found\n" };
  return reads ? route() : { status: 405, body: "Method not allowed, wanted GET\n" };
}
