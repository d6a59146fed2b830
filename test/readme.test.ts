import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { execFile } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { README } from "../scripts/docs.ts";
import { openEmbeddedStore } from "../src/store/embedded.ts";
import { acceleratedClock, startService } from "./support/service.ts";

const run = promisify(execFile);
const ROOT = path.dirname(README);
const ENV = { ...process.env, NO_COLOR: "1", PATH: `${path.join(ROOT, "node_modules/.bin")}:${process.env.PATH}` };
const MAX_LINES = 160;

const english = readFileSync(README, "utf8");
const chinese = readFileSync(path.join(ROOT, "README.zh-CN.md"), "utf8");

/** The code blocks of a language; of blocks without one for "". */
function blocks(language: string, text = english): string[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].filter(([, name]) => name === language)
    .map(([, , block]) => block);
}

/** Replaces what differs from run to run. */
function normalize(line: string): string {
  return line.replace(/trace id \w+/, "trace id …").replace(/[\d.]+ ms/, "… ms");
}

describe("README.zh-CN.md", () => {
  const structure = (text: string) => ({
    headings: [...text.matchAll(/^#+(?= )/gm)].map(([level]) => level),
    blocks: [...text.matchAll(/^```[^]*?^```$/gm)].map(([block]) => block),
    generated: [...text.matchAll(/^<!-- (\/?\w+)(?:-zh)? -->$/gm)].map(([, name]) => name),
    images: [...text.matchAll(/src="([^"]+)"/g)].map(([, image]) => image),
    links: new Set(
      [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link).filter((link) => !/^README/.test(link)),
    ),
  });

  test("has the headings, code blocks, generated parts, images and links of README.md", () => {
    expect(structure(chinese)).toEqual(structure(english));
  });

  test("is linked with README.md both ways", () => {
    expect(english).toContain("](README.zh-CN.md)");
    expect(chinese).toContain("](README.md)");
  });
});

test.each(Object.entries({ english, chinese }))("the %s README is short", (_, text) => {
  expect(text.split("\n").length - 1).toBeLessThanOrEqual(MAX_LINES);
});

test("the README names the Deno that CI runs", () => {
  const ci = /deno@([\d.]+)/.exec(readFileSync(path.join(ROOT, ".ci/run"), "utf8"))?.[1];
  const named = [...english.matchAll(/deno@([\d.]+)|With Deno ([\d.]+\d)/g)].map(([, npm, own]) => npm ?? own);
  expect(named).toEqual([ci, ci]);
});

test("dependencies are exact", () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("`deno task demo` prints what the README shows", async () => {
  const { stdout } = await run(Deno.execPath(), ["task", "--quiet", "demo"], { cwd: ROOT, env: ENV });
  const [shown] = blocks("");
  expect(normalizeAll(stdout)).toEqual(expect.arrayContaining(normalizeAll(shown)));
  // What was tracked before the restart, and is due when it was before.
  expect(stdout).toMatch(/GetTrackedRefund: TRACKING_STATE_ACTIVE, attempts: 1, next in [5-9]\.\d s$/m);
});

function normalizeAll(text: string): string[] {
  return text.trim().split("\n").map(normalize);
}

/** Whether the command that the line starts with is on PATH. */
function isInstalled(line: string): boolean {
  return ENV.PATH.split(":").some((folder) => existsSync(path.join(folder, line.split(" ")[0])));
}

describe("against a running service", () => {
  // With a database times of the next attempt are those of its clock.
  const start = ({ tracks = false } = {}) =>
    startService({
      sandbox: { release: "2.0.8" },
      dependencies: tracks ? { openDatabase: openEmbeddedStore } : acceleratedClock(50),
    }).then((service) => ({
      service,
      adapt: (text: string) =>
        text.replaceAll("http://127.0.0.1:8080", service.http).replaceAll("http://127.0.0.1:9090", service.grpc)
          .replaceAll("127.0.0.1:9090", service.grpc.replace("http://", "")),
    }));

  const commands = blocks("sh").join("").split("\n").filter((line) => /^(buf |grp)?curl /.test(line));

  test("the README calls it by buf curl, grpcurl and curl", () => {
    expect(commands.map((line) => line.split(" ")[0])).toEqual(["buf", "buf", "buf", "grpcurl", "curl"]);
  });

  // grpcurl is no npm package, so it may be missing.
  test.each(commands.filter(isInstalled))("%s", async (command) => {
    const tracks = command.includes("RefundTrackingService");
    const { service, adapt } = await start({ tracks });
    await using _ = service;
    const { stdout } = await run("bash", ["-c", adapt(command)], { env: ENV });
    expect(stdout).toContain(tracks ? "TRACKING_STATE_ACTIVE" : "REFUND_STATUS_SUCCEEDED");
  });

  test("the TypeScript example runs with -N alone, and fails without a service", async () => {
    const { service, adapt } = await start();
    const folder = mkdtempSync(path.join(ROOT, "test/.readme-"));
    try {
      const file = path.join(folder, "example.ts");
      writeFileSync(file, adapt(blocks("ts")[0]).replaceAll('"./src/', '"../../src/'));
      const example = () =>
        run(Deno.execPath(), ["run", "--check", "--no-prompt", "-N", file], { cwd: ROOT, env: ENV });
      const { stdout } = await example();
      expect(stdout.split("\n")).toEqual([
        "SUCCEEDED final: true",
        "REFUND_NOT_FOUND 退款订单不存在 retryable: false",
        "",
      ]);
      await service[Symbol.asyncDispose]();
      await expect(example()).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("ConnectError") });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("buf curl decodes every error detail by reflection", async () => {
    const { service } = await start();
    await using _ = service;
    const sync = async (refundNo: string) => {
      const url = `${service.grpc}/daxpay.refundsync.v1.RefundSyncService/SyncRefund`;
      const failed = await run("buf", ["curl", "-d", JSON.stringify({ refundNo }), url], { env: ENV })
        .catch((error: { readonly stderr: string }) => error);
      return JSON.parse(failed.stderr);
    };
    expect(await sync("R-CHANNEL-ERROR")).toMatchObject({
      code: "unavailable",
      details: [
        { type: "daxpay.refundsync.v1.SyncFailure", debug: { reason: "FAILURE_REASON_CHANNEL_FAILED" } },
        { type: "google.rpc.ErrorInfo", debug: { reason: "CHANNEL_FAILED", domain: "daxpay.refundsync.v1" } },
        { type: "google.rpc.RetryInfo", debug: { retryDelay: "60s" } },
      ],
    });
    expect(await sync(" x")).toMatchObject({
      code: "invalid_argument",
      details: [
        { type: "daxpay.refundsync.v1.SyncFailure", debug: { reason: "FAILURE_REASON_INVALID_REQUEST" } },
        { type: "google.rpc.ErrorInfo", debug: { reason: "INVALID_REQUEST" } },
        { type: "google.rpc.BadRequest", debug: { fieldViolations: [{ field: "refund_no" }] } },
      ],
    });
  });

  test.each(["grpc", "grpcweb", "connect"])("buf curl streams a watch and a batch over %s", async (protocol) => {
    const { service } = await start();
    await using _ = service;
    const flags = ["curl", "--http2-prior-knowledge", "--protocol", protocol, "--reflect-protocol", "grpc-v1"];
    const call = async (method: string, request: unknown) => {
      const url = `${service.grpc}/daxpay.refundsync.v1.RefundSyncService/${method}`;
      const { stdout } = await run("buf", [...flags, "-d", JSON.stringify(request), url], { env: ENV });
      // One message after the other, indented.
      return stdout.trim().split(/(?<=^\})\n/m).map((message) => JSON.parse(message));
    };
    expect(await call("WatchRefund", { refundNo: "WAIT1-A" })).toMatchObject([
      { attempt: 1, refund: { status: "REFUND_STATUS_IN_PROGRESS" } },
      { attempt: 2, refund: { status: "REFUND_STATUS_SUCCEEDED", final: true } },
    ]);
    const requests = [{ refundNo: "LOAD-1" }, { refundNo: "R-UNKNOWN" }];
    expect(await call("BatchSyncRefunds", { requests })).toEqual(expect.arrayContaining([
      expect.objectContaining({ refund: expect.objectContaining({ status: "REFUND_STATUS_SUCCEEDED" }) }),
      expect.objectContaining({
        index: 1,
        failure: expect.objectContaining({ reason: "FAILURE_REASON_REFUND_NOT_FOUND" }),
      }),
    ]));
  });
});
