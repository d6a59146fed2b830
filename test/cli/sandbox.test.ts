import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DEVELOPMENT_KEYS } from "../../src/sandbox/keys.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/sandbox.ts", import.meta.url));

function run(...args: string[]) {
  const child = spawn(Deno.execPath(), ["run", "--allow-net", MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { out: "", err: "" };
  child.stdout.on("data", (chunk) => output.out += chunk);
  child.stderr.on("data", (chunk) => output.err += chunk);
  return { child, output, ended: once(child, "close").then(([code]) => code as number | null) };
}

test("the command listens, prints the refunds, and ends on SIGTERM", async () => {
  const { child, output, ended } = run("--port", "0", "--release", "3.0.0");
  await expect.poll(() => output.out, { timeout: 10_000 }).toContain("WAIT<n>-");
  expect(output.out).toMatch(/^DaxPay sandbox \(3\.0\.0\) listens on http:\/\/127\.0\.0\.1:\d+\n/);
  expect(output.out).toContain("DEVR24051020531763000004");
  const url = /http:\S+/.exec(output.out)?.[0];
  expect((await fetch(`${url}/unipay/sync/pay`, { method: "POST" })).status).toBe(401);
  // Deno's own child.kill() reports the signal even when the child ended by itself.
  if (child.pid) process.kill(child.pid, "SIGTERM");
  expect(await ended).toBe(0);
});

test("the command prints the development keys of 4.0.0-beta", async () => {
  const { child, output, ended } = run(
    "--port",
    "0",
    "--release",
    "4.0.0-beta",
    "--beta",
    "signed-ping",
    "--replay-guard",
  );
  await expect.poll(() => output.out).toContain("-----END PUBLIC KEY-----");
  expect(output.out).toContain(DEVELOPMENT_KEYS.merchant.privateKey);
  expect(output.out).toContain(DEVELOPMENT_KEYS.platform.publicKey);
  if (child.pid) process.kill(child.pid, "SIGTERM");
  expect(await ended).toBe(0);
});

test.each([
  [["--release", "2.0.9"], "--release: expected one of documented, 2.0.6, "],
  [["--notice-url", "shop.example"], '--notice-url: expected an http or https URL, got "shop.example"'],
  [["--port", "http"], '--port: expected a whole number from 0 to 65535, got "http"'],
  [["--sign-type", "SHA1"], '--sign-type: expected one of HMAC_SHA256, MD5, SM3, got "SHA1"'],
  [["--sign-type", "SM3"], 'expected sign type of release "documented" to be one of HMAC_SHA256, MD5, got "SM3"'],
  [["--verify-first"], 'expected verifyFirst with release 2.0.7 or 2.0.8, got "documented"'],
  [["--release", "4.0.0-beta", "--beta", "beta8"], "--beta: expected one of utc-times, beijing-times, "],
  [["--beta", "signed-ping"], 'expected beta with release 4.0.0-beta, got "documented"'],
  [["--replay-guard"], 'expected a request timeout with release 2.0.8, 3.0.0 or 4.0.0-beta, got "documented"'],
  [["--release", "4.0.0-beta", "--secret", "123456"], "expected no secret with release 4.0.0-beta, got one"],
  [["--colour"], "--colour"],
])("the command rejects %j with exit code 2", async (args, message) => {
  const { output, ended } = run(...args);
  expect(await ended).toBe(2);
  expect(output.err).toContain(message);
  expect(output.err.trim()).not.toContain("\n");
});

test("the command names --port in one line when its port is in use", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const { output, ended } = run("--port", String(port));
  expect(await ended).toBe(1);
  expect(output.err).toBe(`--port: expected a free port, got ${port}, which is in use\n`);
  taken.close();
});

test("--help lists the flags and calls", async () => {
  const { output, ended } = run("--help");
  expect(await ended).toBe(0);
  for (const flag of ["--release", "--port", "--host", "--secret", "--sign-type", "--latency", "/sandbox/refunds"]) {
    expect(output.out).toContain(flag);
  }
});
