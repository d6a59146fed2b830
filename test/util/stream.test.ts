import { describe, expect, test } from "vitest";
import { mapStream, type StreamHooks } from "../../src/util/stream.ts";

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
