import { once } from "node:events";
import process from "node:process";
import { Worker } from "node:worker_threads";

/** Milliseconds for Deno to export the last telemetry. */
const EXPORT_TIMEOUT_MS = 5_000;

/**
 * Exits with code 0. With OTEL_DENO, Deno then exports what is left, and waits forever for a collector that never responds
 * (denoland/deno#33157): a thread kills the process.
 */
export async function exitAfterExport(exports: boolean): Promise<never> {
  if (exports) {
    const worker = new Worker(new URL("./exit-worker.ts", import.meta.url), { workerData: EXPORT_TIMEOUT_MS });
    // Its timer has started; without it the exit is worth more.
    await once(worker, "message").catch(() => {});
  }
  process.exit(0);
}
