import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http2";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { createSessions, type SessionOptions } from "../../src/http/session.ts";

const FOLDER = import.meta.dirname ?? "";
const IDLE_MS = 150;

/** A server that closes idle connections soon. */
async function startServer(options: SessionOptions) {
  const server = createServer(connectNodeAdapter({
    routes: (router) =>
      router.service(Health, { check: () => ({ status: HealthCheckResponse_ServingStatus.SERVING }) }),
  }));
  createSessions(server, { checkMs: 5, ...options });
  let opened = 0;
  server.on("session", () => opened++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    authority: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    opened: () => opened,
    [Symbol.dispose]: () => void server.close(),
  };
}

/** Runs a program without blocking this process. */
async function run(program: string, args: readonly string[]) {
  const child = spawn(program, args);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { end: signal ?? code, stdout, stderr };
}

/** Builds the racer; undefined without Go, or without its modules. */
function buildRacer(): string | undefined {
  const options = { cwd: path.join(FOLDER, "racer"), encoding: "utf8" } as const;
  if (spawnSync("go", ["mod", "download"], options).status !== 0) return undefined;
  const program = path.join(mkdtempSync(path.join(tmpdir(), "racer-")), "racer");
  expect(spawnSync("go", ["build", "-o", program, "."], options)).toMatchObject({ status: 0, stderr: "" });
  return program;
}

test("createSessions() loses no call of a grpc-go client that races the idle close", async ({ skip }) => {
  const racer = buildRacer() ?? skip("needs Go and the module google.golang.org/grpc");
  using server = await startServer({ idleMs: IDLE_MS });
  const raced = await run(racer, [
    ...["-target", server.authority, "-idle", `${IDLE_MS + 4}ms`, "-spread", "8ms"],
    ...["-connections", "60", "-calls", "20"],
  ]);
  expect(raced).toMatchObject({ end: 0, stderr: "" });
  expect(JSON.parse(raced.stdout)).toEqual({ calls: 1200, errors: {} });
  expect(server.opened()).toBeGreaterThan(300);
});

test("createSessions() crashes no Deno client by 50 idle closes in a row", async () => {
  // Long enough for a client on a busy machine to have written its last frame: Deno's dies of a write that is too late.
  using server = await startServer({ silentIdleMs: 60 });
  const args = ["run", "-A", path.join(FOLDER, "idle-client.ts"), `http://${server.authority}`, "60"];
  expect(await run(Deno.execPath(), args)).toMatchObject({ end: 0, stderr: "" });
  expect(server.opened()).toBeGreaterThan(50);
});
