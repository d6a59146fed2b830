import { describe, expect, test } from "vitest";
import { Subscription } from "../../src/refund/subscription.ts";
import { settle } from "../support/clock.ts";

/** A subscription, what its consumer has read, how that ended, and how often it was unsubscribed. */
function setup() {
  const gone = new AbortController();
  const seen = { unsubscribed: 0, values: [] as number[], ended: undefined as unknown };
  const subscription = new Subscription<number>(gone.signal, () => seen.unsubscribed++);
  const read = async () => {
    try {
      for await (const value of subscription) seen.values.push(value);
      seen.ended = "done";
    } catch (error) {
      seen.ended = error;
    }
  };
  return { subscription, gone, seen, read };
}

describe("Subscription", () => {
  test("buffers values for a slow consumer, and then ends", async () => {
    const { subscription, seen, read } = setup();
    subscription.push(1);
    subscription.push(2);
    subscription.end();
    expect(seen).toMatchObject({ unsubscribed: 1, values: [] });
    await read();
    expect(seen).toEqual({ unsubscribed: 1, values: [1, 2], ended: "done" });
  });

  test("gives a waiting consumer each value at once, and then the error, once", async () => {
    const { subscription, seen, read } = setup();
    const done = read();
    for (const value of [1, 2]) {
      subscription.push(value);
      await settle();
      expect(seen.values.at(-1)).toBe(value);
    }
    subscription.end("broken");
    subscription.end("broken again");
    await done;
    expect(seen).toEqual({ unsubscribed: 1, values: [1, 2], ended: "broken" });
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test("ends with the signal's reason when that aborts, and ignores what comes later", async () => {
    const { subscription, gone, seen, read } = setup();
    const done = read();
    gone.abort("gone");
    await done;
    subscription.end("broken");
    expect(seen).toEqual({ unsubscribed: 1, values: [], ended: "gone" });
  });

  test("unsubscribes at once when its consumer stops reading", async () => {
    const { subscription, gone, seen } = setup();
    subscription.push(1);
    subscription.push(2);
    for await (const value of subscription) {
      seen.values.push(value);
      break;
    }
    gone.abort("gone");
    expect(seen).toMatchObject({ unsubscribed: 1, values: [1] });
    expect(await subscription.next()).toEqual({ value: undefined, done: true });
  });

  test("throw() rejects with its error and releases a consumer that waits", async () => {
    const { subscription, seen, read } = setup();
    const done = read();
    await expect(subscription.throw("given up")).rejects.toBe("given up");
    await done;
    expect(seen).toEqual({ unsubscribed: 1, values: [], ended: "done" });
  });
});
