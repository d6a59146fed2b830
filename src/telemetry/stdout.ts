import { Worker } from "node:worker_threads";

/** Bytes that may wait for a reader: a few thousand lines. */
const CAPACITY = 1024 * 1024;
/** How often dropped lines are looked for, in milliseconds, while no line is written. */
const REPORT_MS = 1_000;
/** Of the shared memory: four integers, before the ring buffer. */
const [USED, LOST, FAILING, CLOSED, HEADER_BYTES] = [0, 1, 2, 3, 16];

export interface StdoutWriter {
  /** Never waits: drops the line, which includes its newline, if too many wait to be written. */
  write(line: string): void;
  /** Lines dropped since the start. */
  dropped(): number;
  /** Waits until all lines are written, at most this many milliseconds. */
  flush(timeoutMs: number): void;
  /** Ends the thread without a wait. */
  close(): void;
}

/**
 * Writes to standard output in a thread of its own: a write to a pipe that nobody reads blocks its thread. Calls `onDropped`
 * with the number of lines lost when there is room again.
 */
export function createStdoutWriter(onDropped: (count: number) => void): StdoutWriter {
  const shared = new SharedArrayBuffer(HEADER_BYTES + CAPACITY);
  const state = new Int32Array(shared, 0, HEADER_BYTES / Int32Array.BYTES_PER_ELEMENT);
  const ring = new Uint8Array(shared, HEADER_BYTES);
  const workerData = { shared, headerBytes: HEADER_BYTES, USED, LOST, FAILING, CLOSED };
  new Worker(new URL("./stdout-worker.ts", import.meta.url), { workerData }).unref();
  const encoder = new TextEncoder();
  let head = 0;
  let refused = 0;
  let reported = 0;
  let full = false;
  let timer: ReturnType<typeof setInterval> | undefined;

  const free = () => CAPACITY - Atomics.load(state, USED);
  const dropped = () => refused + Atomics.load(state, LOST);

  function push(line: string): boolean {
    const bytes = encoder.encode(line);
    if (bytes.length > free()) return false;
    const atEnd = Math.min(bytes.length, CAPACITY - head);
    ring.set(bytes.subarray(0, atEnd), head);
    ring.set(bytes.subarray(atEnd));
    head = (head + bytes.length) % CAPACITY;
    // Otherwise the thread is at work and sees it by itself.
    if (Atomics.add(state, USED, bytes.length) === 0) Atomics.notify(state, USED);
    return true;
  }

  function report(): void {
    // Not for every line that happens to fit.
    if (full && free() < CAPACITY / 2) return;
    full = false;
    const count = dropped() - reported;
    if (count > 0 && Atomics.load(state, FAILING) === 0) {
      reported += count;
      onDropped(count);
    }
    if (dropped() > reported) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    write(line) {
      if (dropped() > reported) report();
      if (!full && push(line)) return;
      full = true;
      refused++;
      timer ??= setInterval(report, REPORT_MS).unref();
    },
    dropped,
    flush(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const used = Atomics.load(state, USED);
        const left = deadline - performance.now();
        if (used === 0 || left <= 0) return;
        Atomics.wait(state, USED, used, left);
      }
    },
    close() {
      Atomics.store(state, CLOSED, 1);
      // No wait for a line starts or goes on.
      Atomics.add(state, USED, 1);
      Atomics.notify(state, USED);
    },
  };
}
