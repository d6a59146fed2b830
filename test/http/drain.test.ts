import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { build } from "vite";
import { expect, test } from "vitest";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startProcess } from "../support/process.ts";
import type { Observed } from "../support/peer.ts";

const ROOT = path.resolve(import.meta.dirname ?? "", "../..");
const BUF = "node_modules/.bin/buf";
const METHOD = "daxpay.refundsync.v1.RefundSyncService/SyncRefund";
/** Milliseconds that DaxPay takes for the call in flight when the service stops. */
const SLOW_MS = 1_500;

/** The client as one file, for Node and Deno. */
async function bundled(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "peer-"));
  await build({
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: {
      ssr: path.join(ROOT, "test/support/peer.ts"),
      outDir: folder,
      rollupOptions: { output: { format: "es" } },
    },
  });
  return path.join(folder, "peer.js");
}

/** Runs a command without blocking this process. */
function start(command: string, args: string[]) {
  const child = spawn(command, args, { cwd: ROOT });
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return {
    ready: once(child.stdout, "data"),
    begin: () => child.stdin.write("begin\n"),
    ended: output.then(([stdout, stderr, [code, signal]]) => ({ end: signal ?? code, stdout, stderr })),
  };
}

test.skipIf(spawnSync("node", ["--version"]).status !== 0)(
  "gRPC clients of Node, Deno and Go lose no call while the service stops (needs Node)",
  async () => {
    const peer = await bundled();
    const sandbox = await createSandbox();
    await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "20000" } });
    for (const name of ["node", "deno", "go"]) {
      sandbox.setFault("slow", { refundNo: `LOAD-${name}`, delayMs: SLOW_MS });
    }
    const peers = {
      node: start("node", [peer, service.grpc, "LOAD-node"]),
      deno: start(Deno.execPath(), ["run", "-A", peer, service.grpc, "LOAD-deno"]),
    };
    await Promise.all(Object.values(peers).map(({ ready }) => ready));
    for (const { begin } of Object.values(peers)) begin();
    const curl = start(BUF, ["curl", "--data", '{"refundNo":"LOAD-go"}', `${service.grpc}/${METHOD}`]);
    const asked = () => JSON.stringify(sandbox.requests);
    for (const name of ["node", "deno", "go"]) await expect.poll(asked).toContain(`LOAD-${name}`);
    service.kill("SIGTERM");

    const node = await peers.node.ended;
    const observed: Observed = JSON.parse(node.stdout.split("\n")[1]);
    expect([node.end, node.stderr, observed]).toEqual([0, "", {
      slow: "ok",
      watch: ["Unavailable", "daxpay.refundsync.v1.SyncFailure", "google.rpc.ErrorInfo", "google.rpc.RetryInfo"],
      next: "ok",
      afterNext: "Unavailable",
    }]);
    const go = await curl.ended;
    expect([go.end, go.stderr, JSON.parse(go.stdout).refund?.daxpayStatus]).toEqual([0, "", "refund_success"]);
    // Deno's own HTTP/2 client may lose the answers that come after a GOAWAY, but it must not crash.
    expect((await peers.deno.ended).end).toBe(0);
    expect([(await service.ended).code, service.errors()]).toEqual([0, []]);
    await sandbox.close();
  },
);
