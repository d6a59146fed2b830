import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { listen } from "../../src/http/listen.ts";

/** Serves on two free ports, prints them, and takes or returns all file descriptors at each line of standard input. */
async function main(): Promise<void> {
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    grpcPort: 0,
    tls: undefined,
    maxConnections: 1_000,
    handler: (_request, response) => void response.end("ok"),
    onErrorResponse: () => {},
  });
  console.log(`${server.http.port} ${server.grpc.port}`);
  let taken: number[] = [];
  process.stdin.on("data", () => {
    if (taken.length > 0) {
      for (const descriptor of taken) closeSync(descriptor);
      taken = [];
    } else {
      try {
        for (;;) taken.push(openSync(import.meta.filename ?? "", "r"));
      } catch {
        // None is left.
      }
    }
    console.log(taken.length);
  });
}

await main();
