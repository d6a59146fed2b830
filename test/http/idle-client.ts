import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";

/** Milliseconds until a server that does not close the idle session is a failure. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Calls a server the given number of times, each time over a new session, since the server closes the last one first; prints
 * the errors. A call that races the close is another matter: Deno's client can lose it.
 */
async function main(baseUrl: string, calls: number): Promise<void> {
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(Health, createGrpcTransport({ baseUrl, sessionManager }));
  for (let call = 0; call < calls; call++) {
    await client.check({}).catch((error) => console.log(ConnectError.from(error).message));
    const deadline = performance.now() + CLOSE_TIMEOUT_MS;
    while (!["closed", "error"].includes(sessionManager.state())) {
      if (performance.now() > deadline) throw new Error(`expected a closed session, got ${sessionManager.state()}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  Deno.exit(0);
}

const [baseUrl, calls] = Deno.args;
await main(baseUrl, Number(calls));
