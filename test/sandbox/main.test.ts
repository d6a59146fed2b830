import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../src/cli/sandbox.ts", import.meta.url));

function run(...args: string[]) {
  const child = spawn(Deno.execPath(), ["run", "--allow-net", MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const said = { out: "", err: "" };
  child.stdout.on("data", (chunk) => said.out += chunk);
  child.stderr.on("data", (chunk) => said.err += chunk);
  return { child, said, ended: once(child, "close").then(([code]) => code as number | null) };
}

test("the command listens, prints the refunds, and ends on SIGTERM", async () => {
  const { child, said, ended } = run("--port", "0", "--release", "3.0.0");
  await expect.poll(() => said.out, { timeout: 10_000 }).toContain("WAIT<n>-");
  expect(said.out).toMatch(/^DaxPay sandbox \(3\.0\.0\) listens on http:\/\/127\.0\.0\.1:\d+\n/);
  expect(said.out).toContain("DEVR24051020531763000004");
  const url = /http:\S+/.exec(said.out)?.[0];
  expect((await fetch(`${url}/unipay/sync/pay`, { method: "POST" })).status).toBe(401);
  // Deno's own child.kill() reports the signal even when the child ended by itself.
  if (child.pid) process.kill(child.pid, "SIGTERM");
  expect(await ended).toBe(0);
});

test.each([
  [["--release", "2.0.9"], 'Found "2.0.9" for --release, wanted one of documented, 2.0.6'],
  [["--port", "http"], 'Found "http" for --port, wanted a whole number from 0 to 65535'],
  [["--sign-type", "SHA1"], 'Found "SHA1" for --sign-type'],
  [["--sign-type", "SM3"], 'Found sign type "SM3" for release "documented", wanted one of HMAC_SHA256, MD5'],
  [["--colour"], "--colour"],
])("%j is a mistake", async (args, wanted) => {
  const { said, ended } = run(...args);
  expect(await ended).toBe(2);
  expect(said.err).toContain(wanted);
  expect(said.err).not.toContain("    at ");
});

test("a port that is taken is told", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { said, ended } = run("--port", String((taken.address() as AddressInfo).port));
  expect(await ended).toBe(1);
  expect(said.err).toContain("EADDRINUSE");
  taken.close();
});

test("--help shows the flags", async () => {
  const { said, ended } = run("--help");
  expect(await ended).toBe(0);
  for (const flag of ["--release", "--port", "--host", "--secret", "--sign-type", "--latency"]) {
    expect(said.out).toContain(flag);
  }
});
