import type { Socket } from "node:net";

/**
 * Lets what is written within one turn of the event loop leave in one write. Deno's HTTP/2 otherwise hands every frame of
 * every call to the kernel by itself: head, message and trailers, which costs more than making them.
 */
export function withCoalescedWrites(socket: Socket): void {
  const write = socket.write.bind(socket);
  let corked = false;

  function uncork(): void {
    corked = false;
    socket.uncork();
  }

  Object.assign(socket, {
    write(...chunk: Parameters<typeof write>) {
      if (!corked) {
        corked = true;
        socket.cork();
        setImmediate(uncork);
      }
      return write(...chunk);
    },
  });
}
