import { parentPort } from "node:worker_threads";

/** Kills the process the received number of milliseconds later: its main thread may hang in its exit by then. */
parentPort?.once("message", (ms: number) => setTimeout(() => Deno.kill(Deno.pid, "SIGKILL"), ms));
