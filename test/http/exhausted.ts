import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { listen } from "../../src/http/listen.ts";

/** Serves on two free ports, prints them, takes all file descriptors at a line of standard input (and says so) and returns them at the next. */
async function main(): Promise<void> {
  // As the service does: Deno 2.9.6 panics if it has to prepare for signals when no descriptor is left (ext/signals).
  Deno.addSignalListener("SIGTERM", () => Deno.exit());
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
  const taken: number[] = [];
  let timer: ReturnType<typeof setInterval> | undefined;
  process.stdin.on("data", () => {
    if (timer) {
      clearInterval(timer);
      for (const descriptor of taken) closeSync(descriptor);
    } else {
      timer = setInterval(take, 5);
      console.log("taking");
    }
  });

  function take(): void {
    try {
      for (;;) taken.push(openSync(import.meta.filename ?? "", "r"));
    } catch {
      // None is left.
    }
  }
}

await main();
