import type { Started } from "./contender.ts";
import { until } from "./process.ts";

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/**
 * Live bytes of JavaScript after garbage collection, those of buffers included, by V8's inspector, as both Deno and Node
 * offer it with --inspect. Asks and leaves at once: while somebody listens, Deno tells of every fetch.
 */
export async function liveBytes({ inspectorPort, process }: Started): Promise<number> {
  const [{ webSocketDebuggerUrl }] = await until(
    async () => await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json(),
    process,
  );
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let lastId = 0;

  function ask(method: string): Promise<unknown> {
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    socket.onmessage = ({ data }) => {
      const answer = JSON.parse(data);
      if (answer.id === id) answer.error ? reject(new Error(answer.error.message)) : resolve(answer.result);
    };
    socket.onclose = () => reject(new Error("The inspector has gone"));
    socket.send(JSON.stringify({ id, method }));
    return promise;
  }

  // What the first finds dead, finalizers may still hold.
  for (let times = 0; times < 2; times++) await ask("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize = 0 } = await ask("Runtime.getHeapUsage") as HeapUsage;
  socket.close();
  return usedSize + backingStorageSize;
}
