import net from "node:net";

/** A TCP proxy in front of the service whose connections can be reset. */
export async function createProxy(target: string, port = 0) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const inner = net.connect(Number(new URL(target).port), "127.0.0.1");
    for (const end of [socket, inner]) {
      sockets.add(end);
      end.on("close", () => sockets.delete(end));
    }
    socket.pipe(inner).pipe(socket);
    socket.on("error", () => inner.destroy());
    inner.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  const reset = () => sockets.forEach((socket) => socket.resetAndDestroy());
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    reset,
    [Symbol.dispose]() {
      server.close();
      reset();
    },
  };
}
