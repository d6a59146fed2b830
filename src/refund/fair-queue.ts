/** A queue that takes one item from each flow in turn; within a flow, first in, first out. */
export class FairQueue<T> {
  /** The items of each flow; the flow that stands first is next. */
  readonly #queues = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(flow: string, item: T): void {
    const queue = this.#queues.get(flow);
    if (queue) queue.push(item);
    else this.#queues.set(flow, [item]);
    this.#size++;
  }

  /** The item that `shift` would return. */
  peek(): T | undefined {
    for (const queue of this.#queues.values()) return queue[0];
    return undefined;
  }

  shift(): T | undefined {
    for (const [flow, queue] of this.#queues) {
      const item = queue.shift();
      this.#size--;
      this.#queues.delete(flow);
      // To the end of the round.
      if (queue.length > 0) this.#queues.set(flow, queue);
      return item;
    }
    return undefined;
  }

  /** The items in the order in which `shift` would return them. */
  *[Symbol.iterator](): Generator<T> {
    for (let round = 0, last = false; !last; round++) {
      last = true;
      for (const queue of this.#queues.values()) {
        if (round >= queue.length) continue;
        last = false;
        yield queue[round];
      }
    }
  }

  /** Returns whether the item was in the queue. */
  remove(flow: string, item: T): boolean {
    const queue = this.#queues.get(flow) ?? [];
    const index = queue.indexOf(item);
    if (index < 0) return false;
    queue.splice(index, 1);
    this.#size--;
    if (queue.length === 0) this.#queues.delete(flow);
    return true;
  }

  clear(): void {
    this.#queues.clear();
    this.#size = 0;
  }
}
