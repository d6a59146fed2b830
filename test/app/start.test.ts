import { Buffer } from "node:buffer";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createApp } from "../../src/app/app.ts";
import { sandboxConfig } from "../../src/config/sandbox.ts";
import { createAuthority } from "../support/authority.ts";

const authority = await createAuthority();
const server = await authority.issue("server");
const tokensFile = path.join(mkdtempSync(path.join(tmpdir(), "app-")), "tokens");
writeFileSync(tokensFile, "billing t0ken-of-the-billing-service\n");
const other = await authority.issue("other");

/** Writes a file beside the tokens, and returns its path. */
function write(name: string, content: string | Uint8Array): string {
  const file = path.join(path.dirname(tokensFile), name);
  writeFileSync(file, content);
  return file;
}

const derOf = (pem: string) => Buffer.from(pem.replace(/-----.*-----|\s/g, ""), "base64");
const ENCRYPTED_KEY = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n";
const BROKEN = server.cert.replace(/[A-Z]{3}/, "");
const TLS = { TLS_CERT_FILE: server.certFile, TLS_KEY_FILE: server.keyFile };

afterEach(() => vi.restoreAllMocks());

/** Intervals that are still set; the watch of a file or a port is one. */
function openIntervals(): () => number {
  const open = new Set<unknown>();
  const { setInterval, clearInterval } = globalThis;
  vi.spyOn(globalThis, "setInterval").mockImplementation((...args: Parameters<typeof setInterval>) => {
    const timer = setInterval(...args);
    open.add(timer);
    return timer;
  });
  vi.spyOn(globalThis, "clearInterval").mockImplementation((timer) => {
    open.delete(timer);
    clearInterval(timer);
  });
  return () => open.size;
}

async function takePort() {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  return { port: (taken.address() as AddressInfo).port, [Symbol.dispose]: () => void taken.close() };
}

/** Whether anything accepts connections on the port. */
const isServed = (port: number) => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);

describe("createApp()", () => {
  test("watches the tokens, the certificate and the port until it is closed", async () => {
    const open = openIntervals();
    const app = await createApp(
      sandboxConfig({ DAXPAY_URL: "http://127.0.0.1:9", AUTH_TOKENS_FILE: tokensFile, ...TLS }),
    );
    expect(open()).toBe(3);
    await app.close();
    expect(open()).toBe(0);
  });

  test.each<[string, Record<string, string>]>([["PORT", {}], ["GRPC_PORT", {}], ["PORT", TLS]])(
    "leaves nothing behind when %s is in use (%o), and names the variable",
    async (variable, tls) => {
      using taken = await takePort();
      using free = await takePort();
      const other = variable === "PORT" ? "GRPC_PORT" : "PORT";
      free[Symbol.dispose]();
      const open = openIntervals();
      const config = sandboxConfig({
        DAXPAY_URL: "http://127.0.0.1:9",
        AUTH_TOKENS_FILE: tokensFile,
        [variable]: String(taken.port),
        [other]: String(free.port),
        ...tls,
      });
      await expect(createApp(config)).rejects.toThrow(
        `${variable}: expected a free port, got ${taken.port}, which is in use`,
      );
      expect(open()).toBe(0);
      await expect.poll(() => isServed(free.port)).toBe(false);
    },
  );

  test.each<[string, string, Record<string, string>]>([
    ["AUTH_TOKENS_FILE", "a missing file", { AUTH_TOKENS_FILE: "/nowhere" }],
    ["AUTH_TOKENS_FILE", "a file without tokens", { AUTH_TOKENS_FILE: server.certFile }],
    ["TLS_CERT_FILE", "a key", { TLS_CERT_FILE: server.keyFile, TLS_KEY_FILE: server.keyFile }],
    ["TLS_KEY_FILE", "a certificate", { TLS_CERT_FILE: server.certFile, TLS_KEY_FILE: server.certFile }],
    ["TLS_CLIENT_CA_FILE", "a key", { ...TLS, TLS_CLIENT_CA_FILE: server.keyFile }],
    ["TLS_KEY_FILE", "an encrypted key", { ...TLS, TLS_KEY_FILE: write("encrypted", ENCRYPTED_KEY) }],
    ["TLS_KEY_FILE", "the key of another certificate", { ...TLS, TLS_KEY_FILE: other.keyFile }],
    ["TLS_CERT_FILE", "a certificate in DER", { ...TLS, TLS_CERT_FILE: write("der", derOf(server.cert)) }],
    ["TLS_CLIENT_CA_FILE", "a broken certificate", { ...TLS, TLS_CLIENT_CA_FILE: write("broken", BROKEN) }],
    ["TLS_CERT_FILE", "a device", { ...TLS, TLS_CERT_FILE: "/dev/zero" }],
  ])("names %s and its file when it is %s", async (variable, _what, variables) => {
    const open = openIntervals();
    const config = sandboxConfig({ DAXPAY_URL: "http://127.0.0.1:9", AUTH_TOKENS_FILE: tokensFile, ...variables });
    const error: Error = await createApp(config).catch((error) => error);
    expect(error.message).toMatch(new RegExp(`^${variable}: `));
    expect(error.message).toContain(`"${variables[variable]}"`);
    expect(open()).toBe(0);
  });
});
