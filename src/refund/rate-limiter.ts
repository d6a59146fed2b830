import PQueue, { type Queue, type QueueAddOptions } from "p-queue";
import { DaxPayFailure } from "../daxpay/failure.ts";
import type { Clock } from "./clock.ts";

/** How often and how many at a time DaxPay may be asked, over all callers. */
export interface RateLimitOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Requests under way at the same time. */
  readonly concurrency: number;
}

export interface RateLimiter {
  /**
   * Runs the work when its turn comes; turns go round between callers, so that one with many questions does not keep
   * the others waiting. Rejects with the signal's reason when that aborts first.
   */
  run<T>(caller: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Starts nothing for so many milliseconds. */
  pause(ms: number): void;
  /** The error for one whose time ended in line. */
  overloadedError(): DaxPayFailure;
  /** How many wait in line. */
  queueSize(): number;
  close(): void;
}

export function createRateLimiter(options: RateLimitOptions, clock: Clock): RateLimiter {
  const queue = new PQueue<FairQueue, QueueAddOptions>({
    concurrency: options.concurrency,
    interval: 1000,
    intervalCap: options.rate,
    strict: true,
    queueClass: FairQueue,
  });
  let resumeAt = 0;
  let cancelResume = () => {};
  let questions = 0;

  return {
    run: (caller, signal, work) => queue.add(work, { id: `${caller}/${questions++}`, signal }),
    pause(ms) {
      const until = clock.now() + ms;
      if (until <= resumeAt) return;
      resumeAt = until;
      queue.pause();
      cancelResume();
      cancelResume = clock.after(ms, () => queue.start());
    },
    overloadedError() {
      const seconds = Math.ceil(queue.size / options.rate);
      const retryAfterMs = Math.max(1000, seconds * 1000, resumeAt - clock.now());
      return new DaxPayFailure(
        "RATE_LIMITED",
        `DaxPay was not asked: ${queue.size} wait in line at ${options.rate} a second`,
        { retryDelayMs: retryAfterMs },
      );
    },
    queueSize: () => queue.size,
    close() {
      cancelResume();
      queue.clear();
    },
  };
}

type Run = () => Promise<unknown>;
interface Entry {
  readonly id: string;
  readonly run: Run;
}

/** Takes one from each caller in turn; within a caller, first come, first served. Ids are "caller/number". */
class FairQueue implements Queue<Run, QueueAddOptions> {
  /** What waits for each caller; who is first has the next turn. */
  readonly #lines = new Map<string, Entry[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  enqueue(run: Run, { id }: Partial<QueueAddOptions> = {}): void {
    if (id === undefined) throw new TypeError("Found work without an id, wanted one to remove it by");
    const line = this.#lines.get(flowOf(id));
    if (line) line.push({ id, run });
    else this.#lines.set(flowOf(id), [{ id, run }]);
    this.#size++;
  }

  dequeue(): Run | undefined {
    for (const [caller, line] of this.#lines) {
      const next = line.shift();
      this.#size--;
      this.#lines.delete(caller);
      // To the end of the round.
      if (line.length > 0) this.#lines.set(caller, line);
      return next?.run;
    }
    return undefined;
  }

  remove(id: string): void {
    const line = this.#lines.get(flowOf(id)) ?? [];
    const place = line.findIndex((entry) => entry.id === id);
    if (place < 0) return;
    line.splice(place, 1);
    this.#size--;
    if (line.length === 0) this.#lines.delete(flowOf(id));
  }

  filter(): Run[] {
    return [...this.#lines.values()].flatMap((line) => line.map(({ run }) => run));
  }

  /** Turns go by callers alone. */
  setPriority(): void {}
}

function flowOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/"));
}
