import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import tasks from "../deno.json" with { type: "json" };
import manifest from "../package.json" with { type: "json" };
import { DOCUMENTS, README, render } from "../scripts/docs.ts";
import { acceleratedClock, startService } from "./support/service.ts";

const run = promisify(execFile);
const root = path.dirname(README);
const text = readFileSync(README, "utf8");

/** The lines of all code blocks of a language. */
function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp("^```" + language + "\n([^]*?)^```$", "gm"))].map(([, block]) => block);
}

test.each(DOCUMENTS)("$file contains what `deno task docs` writes", (document) => {
  const { current, expected } = render(document);
  expect(current).toBe(expected);
});

test("every task that is named exists, and every task is described", () => {
  const named = [...text.matchAll(/deno task ([a-z:]+)/g)].map(([, name]) => name);
  expect(named.filter((name) => !(name in tasks.tasks))).toEqual([]);
  expect(Object.values(tasks.tasks).every(({ description }) => description.length > 0)).toBe(true);
});

test("the Deno that is named is the one that CI runs", () => {
  const named = new Set([...text.matchAll(/deno@([\d.]+)/g)].map(([, version]) => version));
  const ci = /deno@([\d.]+)/.exec(readFileSync(path.join(root, ".ci/run"), "utf8"))?.[1];
  expect([...named]).toEqual([ci]);
});

test("dependencies are exact", () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("buf curl, curl and TypeScript do as the README says", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(50) });
  const adapt = (line: string) =>
    line.replace("http://127.0.0.1:8080", service.http).replace("http://127.0.0.1:9090", service.grpc);
  const env = { ...process.env, PATH: `${path.join(root, "node_modules/.bin")}:${process.env.PATH}` };

  const lines = blocks("sh").join("").split("\n").filter((line) => /^(buf )?curl /.test(line));
  expect(lines.map((line) => line.split(" ")[0])).toEqual(["buf", "buf", "curl"]);
  for (const line of lines) {
    const { stdout } = await run("bash", ["-c", adapt(line)], { env });
    expect(stdout).toContain("REFUND_STATUS_SUCCEEDED");
  }
  const { stdout: services } = await run("buf", ["curl", "--list-services", service.grpc], { env });
  expect(services).toContain("daxpay.refundsync.v1.RefundSyncService");

  const [code] = blocks("ts");
  const folder = mkdtempSync(path.join(root, "test/.readme-"));
  try {
    const file = path.join(folder, "example.ts");
    writeFileSync(file, adapt(code).replace("./src/", "../../src/"));
    const { stdout } = await run(Deno.execPath(), ["run", "--check", "--allow-net", file], { cwd: root });
    expect(stdout).toBe("1 未查询到退款订单\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("buf curl streams a watch and a batch over every protocol", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, dependencies: acceleratedClock(50) });
  const buf = path.join(root, "node_modules/.bin/buf");
  const at = `${service.grpc}/daxpay.refundsync.v1.RefundSyncService`;
  for (const protocol of ["grpc", "grpcweb", "connect"]) {
    const flags = ["curl", "--http2-prior-knowledge", "--protocol", protocol, "--reflect-protocol", "grpc-v1"];
    const watch = ["-d", `{"refundNo":"WAIT1-${protocol}"}`, `${at}/WatchRefund`];
    const { stdout: watched } = await run(buf, [...flags, ...watch]);
    expect(watched.match(/"attempt": \d/g), protocol).toEqual(['"attempt": 1', '"attempt": 2']);
    const batch = ["-d", '{"refunds":[{"refundNo":"LOAD-1"},{"refundNo":"R-UNKNOWN"}]}', `${at}/BatchSyncRefunds`];
    const { stdout: batched } = await run(buf, [...flags, ...batch]);
    expect(batched, protocol).toContain("FAILURE_REASON_REFUND_UNKNOWN");
    expect(batched, protocol).toContain("REFUND_STATUS_SUCCEEDED");
  }
});
