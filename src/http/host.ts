import type { Handler, NodeServerRequest } from "./listen.ts";

/** Host and port that the client wants to speak to, as it wrote them. */
export function authorityOf(request: NodeServerRequest): string | undefined {
  return "authority" in request ? request.authority : request.headers.host;
}

/** Answers 400 where these are none: Connect makes a URL of them, and would throw where nobody catches. */
export function withHostCheck(handler: Handler): Handler {
  /** The last that was one; most clients write the same. */
  let known: string | undefined;
  return (request, response) => {
    const authority = authorityOf(request);
    if (authority === known || URL.canParse(`http://${authority}`)) {
      known = authority;
      return handler(request, response);
    }
    response.statusCode = 400;
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end("The request names no host that can be\n");
  };
}
