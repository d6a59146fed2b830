/**
 * Base of hand-written async iterators. Connect's npm build emulates async generators, and each of them holds three times
 * the memory while it waits; ten thousand streams may wait for hours.
 */
export abstract class Stream<T> implements AsyncGenerator<T, void, void> {
  abstract next(): Promise<IteratorResult<T, void>>;

  /** Releases what the stream holds; `error` is set if the reader failed rather than stopped. */
  protected abstract stop(error?: unknown): Promise<void> | void;

  async return(): Promise<IteratorResult<T, void>> {
    await this.stop();
    return { value: undefined, done: true };
  }

  async throw(error: unknown): Promise<IteratorResult<T, void>> {
    await this.stop(error);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

export interface StreamHooks<T, U = T> {
  onValue(value: T): U;
  /** The source is exhausted. */
  onDone?(): void;
  /** The source, or `onValue`, failed. Returns the error that the reader gets. */
  onError?(error: unknown): unknown;
  /** The reader stopped before the end; `error` is set if it failed. Called before the source is closed. */
  onStop?(error?: unknown): void;
  /** Runs every call into the source. */
  run?<R>(work: () => R): R;
}

/** Maps a stream's values and errors, and observes its end. */
export function mapStream<T, U>(source: AsyncIterable<T>, hooks: StreamHooks<T, U>): Stream<U> {
  return new MappedStream(source[Symbol.asyncIterator](), hooks);
}

class MappedStream<T, U> extends Stream<U> {
  readonly #source: AsyncIterator<T>;
  readonly #hooks: StreamHooks<T, U>;

  constructor(source: AsyncIterator<T>, hooks: StreamHooks<T, U>) {
    super();
    this.#source = source;
    this.#hooks = hooks;
  }

  next(): Promise<IteratorResult<U, void>> {
    return this.#run(() => this.#source.next()).then((next) => this.#mapped(next), (error) => this.#failed(error));
  }

  protected override async stop(error?: unknown): Promise<void> {
    this.#hooks.onStop?.(error);
    await this.#close();
  }

  #mapped(next: IteratorResult<T>): IteratorResult<U, void> | Promise<never> {
    if (next.done) {
      this.#hooks.onDone?.();
      return { value: undefined, done: true };
    }
    try {
      return { value: this.#hooks.onValue(next.value), done: false };
    } catch (error) {
      return this.#close().then(() => this.#failed(error));
    }
  }

  #failed(error: unknown): never {
    throw this.#hooks.onError ? this.#hooks.onError(error) : error;
  }

  async #close(): Promise<void> {
    await this.#run(() => this.#source.return?.());
  }

  #run<R>(work: () => R): R {
    return this.#hooks.run ? this.#hooks.run(work) : work();
  }
}

/** Yields the values of all sources as they arrive. Ends them all when one fails or the reader stops. */
export async function* mergeStreams<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T, void, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = (iterator: AsyncIterator<T>) => iterator.next().then((result) => ({ iterator, result }));
  const pending = new Map(iterators.map((iterator) => [iterator, next(iterator)]));
  try {
    while (pending.size > 0) {
      const { iterator, result } = await Promise.race(pending.values());
      pending.delete(iterator);
      if (result.done) continue;
      yield result.value;
      pending.set(iterator, next(iterator));
    }
  } finally {
    // A source in the middle of a value ends after it, which nobody waits for.
    for (const value of pending.values()) value.catch(() => {});
    for (const iterator of iterators) iterator.return?.().catch(() => {});
  }
}
