import { fileURLToPath } from "node:url";
import type { ReleaseName } from "../../src/daxpay/release.ts";
import { freePort, type Process, retryUntilReady, spawn } from "./process.ts";

/** A sandbox in a process of its own. */
export interface Upstream {
  readonly release: ReleaseName;
  readonly url: string;
  readonly process: Process;
}

export interface UpstreamOptions {
  readonly release: ReleaseName;
  /** Response time of the payment channel, in milliseconds. Queries do not call it. */
  readonly latencyMs: number;
  /** Folder of its output. */
  readonly folder: string;
}

interface RecordedRequest {
  readonly members?: { readonly refundNo?: string; readonly bizRefundNo?: string };
}

const SANDBOX = fileURLToPath(new URL("../../src/cli/sandbox.ts", import.meta.url));

export async function startUpstream({ release, latencyMs, folder }: UpstreamOptions): Promise<Upstream> {
  const port = freePort();
  const args = ["--release", release, "--port", `${port}`, "--latency", `${latencyMs}`];
  const process = spawn({
    command: [Deno.execPath(), "run", "--no-prompt", `--allow-net=127.0.0.1:${port}`, SANDBOX, ...args],
    folder,
    name: `daxpay-${release}-${latencyMs}`,
  });
  const upstream = { release, url: `http://127.0.0.1:${port}`, process };
  await retryUntilReady(() => requestsOf(upstream), process);
  return upstream;
}

/** Number of requests that named the refund, queries included. The sandbox keeps at least the last 10,000 requests. */
export async function countRequests(upstream: Upstream, refundNo: string): Promise<number> {
  const requests = await requestsOf(upstream);
  return requests.filter(({ members }) => members?.refundNo === refundNo || members?.bizRefundNo === refundNo).length;
}

async function requestsOf({ url }: Upstream): Promise<readonly RecordedRequest[]> {
  return await (await fetch(`${url}/sandbox/requests`)).json();
}
