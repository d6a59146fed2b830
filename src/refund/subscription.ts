type Result<T> = IteratorResult<T, void>;

const DONE: Result<never> = { value: undefined, done: true };

/**
 * One reader's place among many: it reads all that is pushed, in order, until the end, one read at a time. Ten thousand of
 * them may wait for hours, and as generators they would take four times the memory.
 */
export class Subscription<T> implements AsyncGenerator<T, void, void>, EventListenerObject {
  readonly #signal: AbortSignal;
  readonly #leave: () => void;
  readonly #unread: T[] = [];
  /** Answers the read that waits. */
  #answer: ((result: Result<T> | Promise<Result<T>>) => void) | undefined;
  #ended = false;
  #error: unknown;

  /** Ends with the signal's reason when that aborts. Whatever ends it calls `leave`, once. */
  constructor(signal: AbortSignal, leave: () => void) {
    this.#signal = signal;
    this.#leave = leave;
    signal.addEventListener("abort", this, { once: true });
  }

  push(value: T): void {
    if (!this.#answer) return void this.#unread.push(value);
    this.#answer({ value, done: false });
    this.#answer = undefined;
  }

  /** The reader still gets what was pushed before, and then the error if there is one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#signal.removeEventListener("abort", this);
    this.#leave();
    this.#answer?.(this.next());
    this.#answer = undefined;
  }

  /** The signal's, for its abort. */
  handleEvent(): void {
    this.end(this.#signal.reason);
  }

  next(): Promise<Result<T>> {
    if (this.#unread.length > 0) return Promise.resolve({ value: this.#unread.shift() as T, done: false });
    if (!this.#ended) return new Promise((resolve) => (this.#answer = resolve));
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  return(): Promise<Result<T>> {
    this.end();
    this.#unread.length = 0;
    this.#error = undefined;
    return Promise.resolve(DONE);
  }

  throw(error: unknown): Promise<Result<T>> {
    this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
