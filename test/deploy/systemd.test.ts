import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { createRefundClient } from "../../src/client.ts";
import { VARIABLE_NAMES, VARIABLES } from "../../src/config/variables.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { startProcess } from "../support/process.ts";

const UNIT = path.resolve(import.meta.dirname ?? "", "../../deploy/daxpay-refund-sync.service");
const [ANALYZE, ...VERSION] = ["systemd-analyze", "--version"];
const folder = mkdtempSync(path.join(tmpdir(), "systemd-"));

/** All values of a setting, with systemd's specifiers replaced. */
function settings(name: string): string[] {
  return [...readFileSync(UNIT, "utf8").matchAll(new RegExp(`^${name}=(.*)$`, "gm"))]
    .map(([, value]) => value.replaceAll("%d", path.join(folder, "credentials")).replaceAll("%C", folder));
}

test.skipIf(spawnSync(ANALYZE, VERSION).error)(
  "daxpay-refund-sync.service is valid and exposes little (needs systemd-analyze)",
  () => {
    const verified = spawnSync(ANALYZE, ["verify", UNIT], { encoding: "utf8" });
    // It may miss Deno where the unit expects it.
    const problems = verified.stderr.split("\n").filter((line) => line && !line.includes("/usr/local/bin/deno"));
    expect(problems).toEqual([]);
    // Of 100 points, where MemoryDenyWriteExecute, the network and the files of others are most of what is left.
    const rated = spawnSync(ANALYZE, ["security", "--offline=true", "--threshold=20", UNIT], { encoding: "utf8" });
    expect(rated).toMatchObject({ status: 0 });
  },
);

test("daxpay-refund-sync.service starts the service offline, which reads its credential and stops with 0", async () => {
  await using sandbox = Object.assign(await createSandbox({ release: "2.0.8" }), {
    [Symbol.asyncDispose]: () => sandbox.close(),
  });
  const variables = Object.fromEntries(
    settings("Environment").flatMap((value) => value.split(" ")).map((pair) => pair.split("=", 2)),
  );
  const own = Object.keys(variables).filter((name) => !name.startsWith("DENO_"));
  expect(own.filter((name) => !VARIABLE_NAMES.includes(name))).toEqual([]);
  const [credential] = settings("LoadCredential").map((value) => value.split(":")[0]);
  mkdirSync(path.join(folder, "credentials"));
  writeFileSync(path.join(folder, "credentials", credential), "123456");

  const [[program, ...args]] = settings("ExecStart").map((command) => command.split(" "));
  expect(path.basename(program)).toBe("deno");
  await using service = await startProcess({
    args,
    variables: {
      ...variables,
      HTTPS_PROXY: "http://127.0.0.1:1",
      DAXPAY_SIGN_SECRET: "",
      DAXPAY_URL: sandbox.url,
      DAXPAY_RELEASE: "2.0.8",
    },
  });
  const transport = createConnectTransport({ baseUrl: service.http, httpVersion: "1.1" });
  expect(await createRefundClient({ transport }).syncRefund({ refundNo: "R-SUCCEEDS" }))
    .toMatchObject({ daxpayStatus: "success" });
  service.kill("SIGTERM");
  expect(await service.ended).toMatchObject({ code: 0 });
  // Telemetry may take 5 s after the last call.
  expect(Number(settings("TimeoutStopSec")[0])).toBeGreaterThan(Number(VARIABLES.STOP_TIMEOUT_MS.default) / 1000 + 5);
});
