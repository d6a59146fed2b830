import { closeSync, openSync } from "node:fs";

/**
 * Counts the file descriptors that the process can still open, at most `max`, by opening a readable file that often: 25 µs
 * each. Deno has no getrlimit, and reading /proc/self/limits requires every permission.
 */
export function countFreeDescriptors(file: string | URL, max: number): number {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < max) descriptors.push(openSync(file, "r"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EMFILE" && code !== "ENFILE") throw error;
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
  return descriptors.length;
}
