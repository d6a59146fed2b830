import { ConnectError } from "@connectrpc/connect";
import type { TextRoute } from "../http/text.ts";
import type { Authenticate } from "./authenticate.ts";
import { clientCertNameOf } from "./certificate.ts";

/** Requires the same credentials for an HTTP route as for an RPC, of a caller who may know of every account. */
export function requireAuth(authenticate: Authenticate, route: TextRoute): TextRoute {
  return async (request) => {
    try {
      const identity = await authenticate({
        authorization: request.headers.authorization ?? null,
        clientCertName: clientCertNameOf(request),
      });
      if (identity?.accounts) return { status: 403, body: "This caller may only use its accounts\n" };
    } catch (error) {
      const { rawMessage, metadata } = ConnectError.from(error);
      return { status: 401, body: `${rawMessage}\n`, headers: Object.fromEntries(metadata) };
    }
    return await route(request);
  };
}
