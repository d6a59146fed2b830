import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RefundSyncService } from "../../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService } from "../../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import type { Random } from "../chaos-random.ts";

/** Clients of one replica, over HTTP/1.1: a GOAWAY can crash Deno's HTTP/2 client (denoland/deno#36788). */
export function clientsOf({ http }: { readonly http: string }) {
  const transport = createConnectTransport({ baseUrl: http, httpVersion: "1.1" });
  return { sync: createClient(RefundSyncService, transport), tracking: createClient(RefundTrackingService, transport) };
}

export type Clients = ReturnType<typeof clientsOf>;

/** Clients of all replicas. */
export type AllClients = readonly [Clients, ...Clients[]];

/** What the callers of a run have in common. */
export interface CallerOptions {
  readonly clients: AllClients;
  readonly random: Random;
  /** Ends them. */
  readonly over: AbortSignal;
}
