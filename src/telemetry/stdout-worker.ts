import { workerData } from "node:worker_threads";

/** Writes the ring buffer that `createStdoutWriter` shares with it to standard output, in order. */
const { shared, headerBytes, USED, LOST, FAILING, CLOSED } = workerData;
const state = new Int32Array(shared, 0, headerBytes / Int32Array.BYTES_PER_ELEMENT);
const ring = new Uint8Array(shared, headerBytes);
/** Bytes of one write. */
const CHUNK_BYTES = 65_536;
/** Pause after a write that standard output could not take at all, in milliseconds. */
const RETRY_MS = 10;
const NEWLINE = 0x0a;
const pause = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

for (let tail = 0; Atomics.load(state, CLOSED) === 0;) {
  const used = Atomics.load(state, USED);
  if (used === 0) {
    Atomics.wait(state, USED, 0);
    continue;
  }
  const chunk = ring.slice(tail, Math.min(tail + used, tail + CHUNK_BYTES, ring.length));
  print(chunk);
  tail = (tail + chunk.length) % ring.length;
  Atomics.sub(state, USED, chunk.length);
  Atomics.notify(state, USED);
}

function print(chunk: Uint8Array): void {
  let rest = chunk;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(Deno.stdout.writeSync(rest));
      Atomics.store(state, FAILING, 0);
    } catch (error) {
      // Another process may have made the pipe that it shares non-blocking.
      if (error instanceof Deno.errors.WouldBlock) {
        Atomics.wait(pause, 0, 0, RETRY_MS);
        continue;
      }
      // Closed, or the disk is full.
      Atomics.store(state, FAILING, 1);
      Atomics.add(state, LOST, rest.reduce((lines, byte) => byte === NEWLINE ? lines + 1 : lines, 0));
      return;
    }
  }
}
