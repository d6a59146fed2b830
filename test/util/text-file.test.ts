import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { readTextFile } from "../../src/util/text-file.ts";

const folder = mkdtempSync(path.join(tmpdir(), "text-file-"));
const file = (name: string) => path.join(folder, name);

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(file(name), content);
  return file(name);
}

describe("readTextFile()", () => {
  test.each<[string, string | Uint8Array]>([
    ["UTF-8", "密钥\n"],
    ["UTF-8 with a byte order mark", "\ufeff密钥\n"],
    ["UTF-16LE with a byte order mark", Buffer.from("\ufeff密钥\n", "utf16le")],
    ["UTF-16BE with a byte order mark", Buffer.from("\ufeff密钥\n", "utf16le").swap16()],
  ])("reads %s", (name, content) => {
    expect(readTextFile(write(name, content))).toBe("密钥\n");
  });

  test("follows links, as Kubernetes mounts secrets", () => {
    symlinkSync(write("target", "text"), file("link"));
    expect(readTextFile(file("link"))).toBe("text");
  });

  test.each<[string, Uint8Array, string]>([
    ["bytes that are no text", new Uint8Array([0xc3, 0x28]), "expected text in UTF-8, got other bytes"],
    ["DER", new Uint8Array([0x30, 0x82, 1, 0xff]), "expected text in UTF-8, got DER, which openssl converts to PEM"],
    ["more than 1 MiB", new Uint8Array(1024 * 1024 + 1), "expected at most 1048576 bytes, got 1048577"],
  ])("rejects %s", (name, content, message) => {
    expect(() => readTextFile(write(name, content))).toThrow(message);
  });

  test("rejects a pipe that nobody writes to, a device and a directory without blocking", () => {
    expect(spawnSync("mkfifo", [file("pipe")]).status).toBe(0);
    for (const one of [file("pipe"), "/dev/zero"]) {
      expect(() => readTextFile(one)).toThrow("expected a regular file, got a pipe or device");
    }
    expect(() => readTextFile(folder)).toThrow("directory");
    expect(() => readTextFile(file("missing"))).toThrow("ENOENT");
  });
});
