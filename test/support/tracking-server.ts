import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { createClient, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { endStreamsOn } from "../../src/interceptors/shutdown.ts";
import type { Refunds } from "../../src/refund/refunds.ts";
import { createSelectAccount } from "../../src/service/accounts.ts";
import { shuttingDownError } from "../../src/service/errors.ts";
import { routeTracking } from "../../src/service/tracking.ts";
import type { Tracking } from "../../src/tracking/tracking.ts";
import { Shutdown } from "../../src/util/shutdown.ts";

/** Who calls; the restriction to accounts is separated by commas. */
interface Caller {
  readonly name?: string;
  readonly accounts?: string;
}

/** Accounts of the server. Tracking syncs through none of them. */
const ACCOUNTS = ["default", "one", "two"];

/** Serves the RPCs over sockets, with callers as headers say. */
export async function serveTracking(tracking: Tracking) {
  const stop = new AbortController();
  const allowedAccounts = ({ requestHeader }: HandlerContext) => {
    const accounts = requestHeader.get("test-accounts");
    return accounts === null ? undefined : new Set(accounts.split(","));
  };
  const select = createSelectAccount({
    nameOf: (account) => account || "default",
    refundsOf: (name) => ACCOUNTS.includes(name) ? {} as Refunds : undefined,
  }, allowedAccounts);
  const handler = connectNodeAdapter({
    routes: (all) =>
      routeTracking(endStreamsOn(all, stop.signal), select, {
        tracking,
        allowedAccounts,
        callerNameOf: ({ requestHeader }) => requestHeader.get("test-name") ?? "",
      }),
  });
  const servers: readonly Server[] = [createServer(handler), createHttp2Server(handler)];
  const [http, grpc] = await Promise.all(servers.map(async (server) => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }));
  return {
    /** HTTP/1.1. */
    http,
    /** HTTP/2. */
    grpc,
    client: ({ name, accounts }: Caller = {}) =>
      createClient(
        RefundTrackingService,
        createGrpcTransport({
          baseUrl: grpc,
          interceptors: [(next) => (request) => {
            if (name !== undefined) request.header.set("test-name", name);
            if (accounts !== undefined) request.header.set("test-accounts", accounts);
            return next(request);
          }],
        }),
      ),
    /** As the app does when it shuts down. */
    stop: () => stop.abort(shuttingDownError(new Shutdown())),
    [Symbol.dispose]: () => servers.forEach((server) => server.close()),
  };
}
