import { ConnectError } from "@connectrpc/connect";
import type { TextRoute } from "../http/text.ts";
import type { Authenticate } from "./authenticate.ts";
import { clientCertNameOf } from "./certificate.ts";

/** Requires the same credentials for an HTTP route as for an RPC. */
export function requireAuth(authenticate: Authenticate, route: TextRoute): TextRoute {
  return async (request) => {
    try {
      await authenticate({
        authorization: request.headers.authorization ?? null,
        clientCertName: clientCertNameOf(request),
      });
    } catch (error) {
      const { rawMessage, metadata } = ConnectError.from(error);
      return { status: 401, body: `${rawMessage}\n`, headers: Object.fromEntries(metadata) };
    }
    return await route(request);
  };
}
