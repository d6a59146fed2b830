import { type AddressInfo, connect, Server as NetServer, type Socket } from "node:net";

/** Milliseconds between checks. */
const CHECK_MS = 1_000;
/** Checks that a probe may wait for its acceptance, since one may come right after the event loop was blocked. */
const PATIENCE = 2;

export interface AcceptOptions {
  /** Called when the server listens again, or with an error if it cannot yet. */
  readonly onRestart: (port: number, error?: Error) => void;
}

/**
 * Keeps a listening server accepting. On Deno, once accept() has failed for lack of file descriptors, a server never accepts
 * again, and no event says so (denoland/deno#10148). A server that nobody has connected to gets a connection from here; if it
 * does not accept that, it listens anew. Open connections are not affected. Returns a function that stops this.
 */
export function superviseAccept(server: NetServer, { onRestart }: AcceptOptions): () => void {
  const { address: host, port } = addressOf(server);
  let accepted = false;
  let probe: { readonly socket: Socket; checks: number } | undefined;
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  const onConnection = () => {
    accepted = true;
    endProbe();
  };
  server.prependListener("connection", onConnection);
  // One that comes after its listen() has been given up would end the process.
  const onLateError = () => {};
  server.on("error", onLateError);
  let restarting = false;

  function check(): void {
    if (accepted) accepted = false;
    else if (!server.listening) restart();
    else if (!probe) startProbe();
    else if (++probe.checks >= PATIENCE) {
      endProbe();
      NetServer.prototype.close.call(server);
      restart();
    }
  }

  function startProbe(): void {
    const socket = connect({ host, port });
    // Among them the lack of descriptors: listening anew can wait until there are some.
    socket.on("error", () => probe?.socket === socket && endProbe());
    probe = { socket, checks: 0 };
  }

  function endProbe(): void {
    probe?.socket.destroy();
    probe = undefined;
  }

  function restart(): void {
    if (restarting) return;
    restarting = true;
    bind(server, host, port).then(() => onRestart(port), (error) => onRestart(port, error))
      .finally(() => restarting = false);
  }

  return () => {
    clearInterval(timer);
    server.off("connection", onConnection);
    server.off("error", onLateError);
    endProbe();
  };
}

/** Listens; rejects with the system's error. */
export function bind(server: NetServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Address of a server that listens on TCP. */
export function addressOf(server: NetServer): AddressInfo {
  const address = server.address();
  if (!address || typeof address === "string") throw new TypeError(`Expected a TCP address, but got ${address}`);
  return address;
}
