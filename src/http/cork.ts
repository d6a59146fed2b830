import type { Socket } from "node:net";

/**
 * Corks the socket until the end of the event-loop turn, so that all HTTP/2 frames go out in one write. Deno 2.9.6
 * otherwise makes one system call per frame (head, message, trailers), which costs more than producing them.
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
