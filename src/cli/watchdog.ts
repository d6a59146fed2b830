import { parentPort } from "node:worker_threads";

/** Ends the process by force, so many milliseconds after it is told to: the main thread may be stuck in its exit by then. */
parentPort?.once("message", (ms: number) => setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), ms));
