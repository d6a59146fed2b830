import type { Handler, NodeServerRequest } from "./handler.ts";
import { sendText } from "./text.ts";

/** `:authority` or Host header, as sent. */
export function authorityOf(request: NodeServerRequest): string | undefined {
  return "authority" in request ? request.authority : request.headers.host;
}

/** Answers 400 to an invalid Host header, from which Connect builds a URL outside any error handling. */
export function withHostCheck(handler: Handler): Handler {
  /** Most clients send the same one again. */
  let lastValid: string | undefined;
  return (request, response) => {
    const authority = authorityOf(request);
    if (authority === lastValid || URL.canParse(`http://${authority}`)) {
      lastValid = authority;
      return handler(request, response);
    }
    sendText(response, 400, "Invalid Host header\n");
  };
}
