import { once } from "node:events";
import { connect } from "node:net";

/** Whether a server on this machine answers the first bytes of a new connection within 300 ms. */
export async function answers(port: number, request: string | Uint8Array): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  socket.write(request);
  const answered = await Promise.race([
    once(socket, "data").then(() => true, () => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
  ]);
  socket.destroy();
  return answered;
}
