import { once } from "node:events";
import process from "node:process";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";

/** What a client observes while the service stops; each is "ok" or the error's code. */
export interface Observed {
  /** A slow call that was in flight. */
  readonly slow: string;
  /** Error code of a watch, and the types of its details. */
  readonly watch: readonly string[];
  /** The next call over a connection that was idle, and the one after it. */
  readonly next: string;
  readonly afterNext: string;
}

/** Connections that are idle when the service stops; with fewer a client that can crash may not. */
const IDLE = { connections: 6, calls: 60 };

/**
 * A gRPC client in a process of its own. Takes the service's URL and the number of a refund that is slow, prints "ready",
 * waits for standard input, and prints what it observed while the service stopped.
 */
async function main(baseUrl: string, slowNo: string): Promise<void> {
  const [busy, watching, idle] = [connection(), connection(), connection()];
  await Promise.all(Array.from({ length: IDLE.connections }, async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl }));
    for (let call = 0; call < IDLE.calls; call++) await health.check({});
  }));
  await idle.syncRefund({ refundNo: "LOAD-1" });
  const watch = watching.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
  await watch.next();
  console.log("ready");
  await once(process.stdin, "data");
  const slow = outcome(busy.syncRefund({ refundNo: slowNo }));
  const end = ConnectError.from(await watch.next().catch((error) => error));
  const observed: Observed = {
    watch: [Code[end.code], ...end.details.map((detail) => "type" in detail ? detail.type : detail.desc.typeName)],
    next: await outcome(idle.syncRefund({ refundNo: "LOAD-2" })),
    afterNext: await outcome(idle.syncRefund({ refundNo: "LOAD-3" })),
    slow: await slow,
  };
  console.log(JSON.stringify(observed));
  process.exit(0);

  function connection() {
    return createClient(RefundSyncService, createGrpcTransport({ baseUrl }));
  }
}

function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(() => "ok", (error) => Code[ConnectError.from(error).code]);
}

await main(process.argv[2], process.argv[3]);
