import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";

/** Calls a server the given number of times, with the given number of milliseconds in between; prints the errors. */
async function main(baseUrl: string, calls: number, pauseMs: number): Promise<void> {
  const client = createClient(Health, createGrpcTransport({ baseUrl }));
  for (let call = 0; call < calls; call++) {
    await client.check({}).catch((error) => console.log(ConnectError.from(error).message));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  Deno.exit(0);
}

const [baseUrl, calls, pauseMs] = Deno.args;
await main(baseUrl, Number(calls), Number(pauseMs));
