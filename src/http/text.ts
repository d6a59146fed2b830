import type { Handler, NodeServerRequest, NodeServerResponse } from "./handler.ts";
import { pathOf } from "../util/url.ts";

/** A short plain-text response. */
export interface TextResponse {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type TextRoute = (request: NodeServerRequest) => TextResponse | Promise<TextResponse>;

/** Ends a response with plain text. */
export function sendText(
  response: NodeServerResponse,
  status: number,
  body: string,
  headers: TextResponse["headers"] = {},
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries({ "content-type": "text/plain; charset=utf-8", ...headers })) {
    response.setHeader(name, value);
  }
  response.end(body);
}

/** Serves GET and HEAD for the given paths; everything else is 404. */
export function createTextRoutes(routes: Readonly<Record<string, TextRoute>>): Handler {
  return (request, response) => {
    const path = pathOf(request.url);
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    answer(route, request).catch((): TextResponse => ({ status: 500, body: "Internal error\n" })).then((answered) => {
      response.setHeader("cache-control", "no-store");
      sendText(response, answered.status, request.method === "HEAD" ? "" : answered.body, answered.headers);
    });
  };
}

async function answer(route: TextRoute | undefined, request: NodeServerRequest): Promise<TextResponse> {
  if (!route) return { status: 404, body: "Not found\n" };
  if (request.method === "GET" || request.method === "HEAD") return await route(request);
  return { status: 405, body: "Method not allowed; use GET\n", headers: { allow: "GET, HEAD" } };
}
