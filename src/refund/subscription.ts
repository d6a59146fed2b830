import { Stream } from "../util/stream.ts";

type Result<T> = IteratorResult<T, void>;

const DONE: Result<never> = { value: undefined, done: true };

/** A push-based async iterator: buffers values until its single consumer reads them, one read at a time. */
export class Subscription<T> extends Stream<T> implements EventListenerObject {
  readonly #signal: AbortSignal;
  readonly #unsubscribe: () => void;
  readonly #errorFrom: (reason: unknown) => unknown;
  readonly #unread: T[] = [];
  /** Settles the read that waits. */
  #resolve: ((result: Result<T> | Promise<Result<T>>) => void) | undefined;
  #ended = false;
  #error: unknown;

  /**
   * Ends with what `errorFrom` makes of the signal's reason when that aborts. Whatever ends it calls `unsubscribe`, once.
   */
  constructor(
    signal: AbortSignal,
    unsubscribe: () => void,
    errorFrom: (reason: unknown) => unknown = (reason) => reason,
  ) {
    super();
    this.#signal = signal;
    this.#unsubscribe = unsubscribe;
    this.#errorFrom = errorFrom;
    signal.addEventListener("abort", this, { once: true });
  }

  push(value: T): void {
    if (!this.#resolve) return void this.#unread.push(value);
    this.#resolve({ value, done: false });
    this.#resolve = undefined;
  }

  /** The consumer still gets what was pushed before, and then the error if there is one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#signal.removeEventListener("abort", this);
    this.#unsubscribe();
    this.#resolve?.(this.next());
    this.#resolve = undefined;
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.end(this.#errorFrom(this.#signal.reason));
  }

  next(): Promise<Result<T>> {
    if (this.#unread.length > 0) return Promise.resolve({ value: this.#unread.shift() as T, done: false });
    if (!this.#ended) return new Promise((resolve) => (this.#resolve = resolve));
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  protected override stop(): void {
    this.end();
    this.#unread.length = 0;
    this.#error = undefined;
  }
}
