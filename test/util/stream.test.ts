import { describe, expect, test } from "vitest";
import { mapStream, mergeStreams, type StreamHooks } from "../../src/util/stream.ts";

/** A source of 1, 2, 3 that notes how it is closed. */
function source({ failAt = Infinity } = {}) {
  const state = { closed: false };
  async function* values() {
    try {
      for (let value = 1; value <= 3; value++) {
        if (value === failAt) throw new Error("source");
        yield await Promise.resolve(value);
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, values: values() };
}

/** Hooks that note their calls. */
function hooks(overrides: Partial<StreamHooks<number, string>> = {}) {
  const calls: unknown[][] = [];
  return {
    calls,
    hooks: {
      onValue: (value: number) => `<${value}>`,
      onDone: () => void calls.push(["done"]),
      onError: (error: unknown) => {
        calls.push(["error", (error as Error).message]);
        return new Error("mapped");
      },
      onStop: (...error: unknown[]) => void calls.push(["stop", ...error]),
      ...overrides,
    },
  };
}

describe("mapStream()", () => {
  test("maps every value and reports the end once", async () => {
    const { values } = source();
    const { hooks: all, calls } = hooks();
    expect(await Array.fromAsync(mapStream(values, all))).toEqual(["<1>", "<2>", "<3>"]);
    expect(calls).toEqual([["done"]]);
  });

  test("maps the source's error", async () => {
    const { values } = source({ failAt: 2 });
    const { hooks: all, calls } = hooks();
    const stream = mapStream(values, all);
    expect(await stream.next()).toEqual({ value: "<1>", done: false });
    await expect(stream.next()).rejects.toThrow("mapped");
    expect(calls).toEqual([["error", "source"]]);
  });

  test("closes the source when onValue throws, and maps that error", async () => {
    const { values, state } = source();
    const { hooks: all, calls } = hooks({
      onValue: () => {
        throw new Error("conversion");
      },
    });
    await expect(mapStream(values, all).next()).rejects.toThrow("mapped");
    expect(state.closed).toBe(true);
    expect(calls).toEqual([["error", "conversion"]]);
  });

  test("closes the source when its reader stops", async () => {
    const { values, state } = source();
    const { hooks: all, calls } = hooks();
    for await (const value of mapStream(values, all)) {
      expect(value).toBe("<1>");
      break;
    }
    expect(state.closed).toBe(true);
    expect(calls).toEqual([["stop", undefined]]);
  });

  test("closes the source and rethrows when its reader fails", async () => {
    const { values, state } = source();
    const { hooks: all, calls } = hooks();
    const stream = mapStream(values, all);
    await stream.next();
    await expect(stream.throw("broken pipe")).rejects.toBe("broken pipe");
    expect(state.closed).toBe(true);
    expect(calls).toEqual([["stop", "broken pipe"]]);
  });

  test("runs every call into the source within run()", async () => {
    const { values } = source();
    let calls = 0;
    const run = <R>(work: () => R) => {
      calls++;
      return work();
    };
    const stream = mapStream(values, hooks({ run }).hooks);
    await stream.next();
    await stream.return();
    expect(calls).toBe(2);
  });
});

describe("mergeStreams()", () => {
  async function* delayed(...values: readonly (readonly [number, string])[]) {
    for (const [ms, value] of values) {
      await new Promise((resolve) => setTimeout(resolve, ms));
      yield value;
    }
  }

  test("yields the values of all sources as they arrive", async () => {
    const merged = mergeStreams([delayed([40, "slow"]), delayed([1, "a"], [1, "b"]), delayed()]);
    expect(await Array.fromAsync(merged)).toEqual(["a", "b", "slow"]);
  });

  test("fails with the first source that fails, and ends the others", async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield* delayed([1, "x"]);
      } finally {
        ended = true;
      }
    }
    async function* failing() {
      yield* delayed([5, "y"]);
      throw new Error("broken");
    }
    await expect(Array.fromAsync(mergeStreams([endless(), failing()]))).rejects.toThrow("broken");
    await expect.poll(() => ended).toBe(true);
  });

  test("ends every source when the reader stops", async () => {
    let ended = 0;
    async function* endless() {
      try {
        for (;;) yield* delayed([1, "x"]);
      } finally {
        ended++;
      }
    }
    for await (const _value of mergeStreams([endless(), endless()])) break;
    await expect.poll(() => ended).toBe(2);
  });
});
