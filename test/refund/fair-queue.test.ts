import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FairQueue } from "../../src/refund/fair-queue.ts";

/** A queue with the items, each named by its flow and its number. */
function queueOf(...items: readonly string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const item of items) queue.push(item[0], item);
  return queue;
}

function drain(queue: FairQueue<string>): string[] {
  return Array.from({ length: queue.size }, () => queue.shift() ?? "none");
}

describe("FairQueue", () => {
  test("shift() takes from each flow in turn, first in, first out within one", () => {
    expect(drain(queueOf("a1", "a2", "a3", "b1", "c1", "c2"))).toEqual(["a1", "b1", "c1", "a2", "c2", "a3"]);
  });

  test("push() puts a new flow at the end of the round", () => {
    const queue = queueOf("a1", "a2", "b1", "b2");
    expect(queue.shift()).toBe("a1");
    queue.push("c", "c1");
    expect(drain(queue)).toEqual(["b1", "a2", "c1", "b2"]);
  });

  test("peek() returns what shift() takes, and takes nothing", () => {
    const queue = queueOf("a1", "b1");
    expect(queue.peek()).toBe("a1");
    expect(queue.size).toBe(2);
    expect(queue.shift()).toBe("a1");
    expect(queue.peek()).toBe("b1");
  });

  test("remove() takes the item out of its flow only", () => {
    const queue = queueOf("a1", "a2", "b1");
    expect(queue.remove("a", "a1")).toBe(true);
    expect(queue.remove("a", "b1")).toBe(false);
    expect(queue.remove("none", "a2")).toBe(false);
    expect(queue.size).toBe(2);
    expect(drain(queue)).toEqual(["a2", "b1"]);
  });

  test("is empty after the last item and after clear()", () => {
    const queue = queueOf("a1");
    queue.remove("a", "a1");
    expect([queue.peek(), queue.shift(), queue.size]).toEqual([undefined, undefined, 0]);
    queue.push("a", "a2");
    queue.clear();
    expect([queue.peek(), queue.shift(), queue.size]).toEqual([undefined, undefined, 0]);
  });

  test("iterates in the order of shift(), and lets no flow wait for more than one item of every other", () => {
    const flows = fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(flows, (flows) => {
      const counts = new Map<string, number>();
      const items = flows.map((flow) => {
        counts.set(flow, (counts.get(flow) ?? 0) + 1);
        return flow + counts.get(flow);
      });
      const queue = queueOf(...items);
      const iterated = [...queue];
      const order = drain(queue);
      expect(iterated).toEqual(order);
      expect(order.toSorted()).toEqual(items.toSorted());
      // In each round every flow that has items left gets one.
      const rounds = order.map((item) => Number(item.slice(1)));
      expect(rounds).toEqual(rounds.toSorted((one, other) => one - other));
    }));
  });
});
