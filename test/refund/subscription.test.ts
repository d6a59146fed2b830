import { expect, test } from "vitest";
import { Subscription } from "../../src/refund/subscription.ts";
import { settle } from "../support/clock.ts";

/** A seat, what its reader has read, and how often it was left. */
function sit() {
  const gone = new AbortController();
  const found = { left: 0, read: [] as unknown[] };
  const seat = new Subscription<number>(gone.signal, () => found.left++);
  const read = async () => {
    try {
      for await (const value of seat) found.read.push(value);
      found.read.push("end");
    } catch (error) {
      found.read.push(error);
    }
  };
  return { seat, gone, found, read };
}

test("a slow reader gets all in order, then the end", async () => {
  const { seat, found, read } = sit();
  seat.push(1);
  seat.push(2);
  seat.end();
  expect(found).toEqual({ left: 1, read: [] });
  await read();
  expect(found).toEqual({ left: 1, read: [1, 2, "end"] });
});

test("a waiting reader gets each at once, then the error, once", async () => {
  const { seat, found, read } = sit();
  const done = read();
  for (const value of [1, 2]) {
    seat.push(value);
    await settle();
  }
  seat.end("broken");
  seat.end("broken again");
  await done;
  expect(found).toEqual({ left: 1, read: [1, 2, "broken"] });
  expect(await seat.next()).toEqual({ value: undefined, done: true });
});

test("a signal ends it with its reason, and what it learns later is nobody's", async () => {
  const { seat, gone, found, read } = sit();
  const done = read();
  gone.abort("gone");
  await done;
  seat.end("broken");
  expect(found).toEqual({ left: 1, read: ["gone"] });
});

test("a reader that stops leaves at once", async () => {
  const { seat, gone, found } = sit();
  seat.push(1);
  seat.push(2);
  for await (const value of seat) {
    found.read.push(value);
    break;
  }
  gone.abort("gone");
  expect(found).toEqual({ left: 1, read: [1] });
  expect(await seat.next()).toEqual({ value: undefined, done: true });
});

test("a reader that is given up while it waits is released", async () => {
  const { seat, found, read } = sit();
  const done = read();
  await expect(seat.throw("given up")).rejects.toBe("given up");
  await done;
  expect(found).toEqual({ left: 1, read: ["end"] });
});
