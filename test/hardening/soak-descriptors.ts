import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { answers } from "../support/answers.ts";
import { PREFACE } from "./frame.ts";

/** Soft limit of open files while they run out, and idle connections that take what is left of it. */
const FEW = 256;
const CONNECTIONS = 300;
/** Milliseconds until an idle connection that ended is replaced. */
const RECONNECT_MS = 20;
/** Milliseconds between checks whether both ports are served. */
const CHECK_MS = 100;
/** Milliseconds until both ports have to accept connections again. */
const MAX_RECOVERY_MS = 15_000;

export interface Exhaustion {
  /** Whether both ports stopped accepting connections. */
  readonly exhausted: boolean;
  /** Milliseconds until both accepted connections again; undefined where they do not. */
  readonly recoveredMs: number | undefined;
}

/** Throws NotFound where nothing can change the limit of open files of another process. */
export function checkPrlimit(): void {
  prlimit("--version");
}

/** Lets a process that serves HTTP/1.1 and HTTP/2 on these ports run out of file descriptors for some milliseconds. */
export async function exhaustDescriptors(pid: number, http: number, grpc: number, ms: number): Promise<Exhaustion> {
  const served = () =>
    Promise.all([answers(http, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"), answers(grpc, PREFACE)]);
  const process = `--pid=${pid}`;
  const before = prlimit(process, "--nofile", "--output=SOFT", "--noheadings", "--raw");
  prlimit(process, `--nofile=${FEW}:`);
  const sockets = new Set<Socket>();
  let holding = true;

  /** Holds an idle connection, and another one once it ends: a listener that is served again resets those in its queue. */
  function hold(port: number): void {
    const socket = connect(port, "127.0.0.1");
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => {
      sockets.delete(socket);
      if (holding) setTimeout(() => holding && hold(port), RECONNECT_MS);
    });
  }

  for (let n = 0; n < CONNECTIONS; n++) hold(n % 2 === 0 ? http : grpc);
  const end = performance.now() + ms;
  let exhausted = false;
  while (performance.now() < end) {
    await delay(CHECK_MS);
    exhausted ||= !(await served()).some(Boolean);
  }
  holding = false;
  for (const socket of sockets) socket.destroy();
  prlimit(process, `--nofile=${before}:`);
  const restoredAt = performance.now();
  const elapsed = () => Math.round(performance.now() - restoredAt);
  while (elapsed() < MAX_RECOVERY_MS) {
    if ((await served()).every(Boolean)) return { exhausted, recoveredMs: elapsed() };
    await delay(CHECK_MS);
  }
  return { exhausted, recoveredMs: undefined };
}

/** Runs util-linux' prlimit and returns its output. */
function prlimit(...args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command("prlimit", { args: [...args] }).outputSync();
  if (!success) throw new Error(`prlimit: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}
