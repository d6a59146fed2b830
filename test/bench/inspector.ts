import type { Running } from "./contender.ts";
import { retryUntilReady } from "./process.ts";

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/**
 * Bytes of live JavaScript objects and buffers after a garbage collection, by V8's inspector, which Deno and Node offer
 * with --inspect. Disconnects at once: while a client is connected, Deno reports every fetch to it.
 */
export async function liveBytes({ inspectorPort, process }: Running): Promise<number> {
  const [{ webSocketDebuggerUrl }] = await retryUntilReady(
    async () => await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json(),
    process,
  );
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let lastId = 0;

  function send(method: string): Promise<unknown> {
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    socket.onmessage = ({ data }) => {
      const response = JSON.parse(data);
      if (response.id === id) response.error ? reject(new Error(response.error.message)) : resolve(response.result);
    };
    socket.onclose = () => reject(new Error("expected a response of the inspector, got a closed connection"));
    socket.send(JSON.stringify({ id, method }));
    return promise;
  }

  // Finalizers may keep alive what the first collection finds unreachable.
  for (let times = 0; times < 2; times++) await send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize = 0 } = await send("Runtime.getHeapUsage") as HeapUsage;
  socket.close();
  return usedSize + backingStorageSize;
}
