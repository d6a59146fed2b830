import { once } from "node:events";
import process from "node:process";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";

/** What a caller lives to see while the service stops; each is "ok" or the error's code. */
export interface Lived {
  /** A slow call that the service had before it stopped. */
  readonly slow: string;
  /** How a watch ended, and the details that came with it. */
  readonly watch: readonly string[];
  /** The next call over a connection that was unused when the service stopped, and the one after it. */
  readonly next: string;
  readonly afterNext: string;
}

/** Calls, over connections that are unused when the service stops; with fewer a client that can crash may not. */
const UNUSED = { connections: 6, calls: 60 };

/**
 * A gRPC caller in a process of its own: takes the service's address and the number of a refund that DaxPay is slow about,
 * says when it is ready, begins when it is told to, and prints what it lived to see until the service has stopped.
 */
async function main(baseUrl: string, slowNo: string): Promise<void> {
  const [busy, watching, unused] = [connection(), connection(), connection()];
  await Promise.all(Array.from({ length: UNUSED.connections }, async () => {
    const health = createClient(Health, createGrpcTransport({ baseUrl }));
    for (let call = 0; call < UNUSED.calls; call++) await health.check({});
  }));
  await unused.syncRefund({ refundNo: "LOAD-1" });
  const watch = watching.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
  await watch.next();
  console.log("ready");
  await once(process.stdin, "data");
  const slow = outcome(busy.syncRefund({ refundNo: slowNo }));
  const end = ConnectError.from(await watch.next().catch((error) => error));
  const lived: Lived = {
    watch: [Code[end.code], ...end.details.map((detail) => "type" in detail ? detail.type : detail.desc.typeName)],
    next: await outcome(unused.syncRefund({ refundNo: "LOAD-2" })),
    afterNext: await outcome(unused.syncRefund({ refundNo: "LOAD-3" })),
    slow: await slow,
  };
  console.log(JSON.stringify(lived));
  process.exit(0);

  function connection() {
    return createClient(RefundSyncService, createGrpcTransport({ baseUrl }));
  }
}

function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(() => "ok", (error) => Code[ConnectError.from(error).code]);
}

await main(process.argv[2], process.argv[3]);
