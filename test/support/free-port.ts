import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return tryPort(0);
}

/** Ports below those that Linux gives to outgoing connections and to port 0 (ip_local_port_range). */
const FIXED_PORTS = { first: 20_000, last: 32_000 };

/** A port that was free a moment ago, and that nothing takes by accident while its server is down. */
export async function freeFixedPort(): Promise<number> {
  const { first, last } = FIXED_PORTS;
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first));
    const free = await tryPort(port).catch(() => undefined);
    if (free !== undefined) return free;
  }
}

async function tryPort(wanted: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(wanted, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
