import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";

/** Kills the process, whose main thread may be blocked in its exit, after the given milliseconds. */
setTimeout(() => process.kill(process.pid, "SIGKILL"), workerData);
parentPort?.postMessage("started");
