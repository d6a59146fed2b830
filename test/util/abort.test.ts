import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { unlessAborted } from "../../src/util/abort.ts";

test("unlessAborted() settles as the work does, and keeps no listener", async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(signal, Promise.resolve(1))).toBe(1);
  await expect(unlessAborted(signal, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("unlessAborted() rejects with the signal's reason, whenever that aborts", async () => {
  const abort = new AbortController();
  const waiting = unlessAborted(abort.signal, new Promise(() => {}));
  abort.abort("gone");
  await expect(waiting).rejects.toBe("gone");
  await expect(unlessAborted(abort.signal, Promise.reject(new Error("too late")))).rejects.toBe("gone");
});
