import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface ProxyOptions {
  /** Where the connections lead. */
  readonly target: string;
  /** Awaited before each part of a reply is passed on. */
  readonly beforeReply: () => Promise<void>;
}

/** A TCP proxy with late replies, as on a slow network: what they say may have changed when they arrive. */
export async function createProxy({ target, beforeReply }: ProxyOptions) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();

  async function relay(client: Socket, server: Socket): Promise<void> {
    for await (const chunk of server) {
      await beforeReply();
      client.write(chunk);
    }
    client.end();
  }

  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    client.on("error", () => {}).once("close", () => server.destroy());
    client.pipe(server.on("error", () => {}));
    relay(client, server).catch(() => client.resetAndDestroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
