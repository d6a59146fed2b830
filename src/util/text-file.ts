import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Secrets, tokens and certificates are far smaller. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a regular file of at most 1 MiB as text, without its byte order mark: UTF-8, or UTF-16 with such a mark, as Windows
 * PowerShell writes it. Anything else throws: a pipe or terminal could block forever, and could be read only once.
 */
export function readTextFile(path: string): string {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) {
      throw new RangeError(`expected a regular file, got a ${stats.isDirectory() ? "directory" : "pipe or device"}`);
    }
    if (stats.size > MAX_BYTES) throw new RangeError(`expected at most ${MAX_BYTES} bytes, got ${stats.size}`);
    return textOf(readBytes(fd, stats.size));
  } finally {
    closeSync(fd);
  }
}

function readBytes(fd: number, size: number): Uint8Array {
  const buffer = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const read = readSync(fd, buffer, length, size - length, null);
    if (read === 0) break;
    length += read;
  }
  return buffer.subarray(0, length);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (cause) {
    // DER begins with a SEQUENCE whose length takes two bytes.
    const got = bytes[0] === 0x30 && bytes[1] === 0x82 ? "DER, which openssl converts to PEM" : "other bytes";
    throw new RangeError(`expected text in UTF-8, got ${got}`, { cause });
  }
}

function encodingOf([first, second]: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}
