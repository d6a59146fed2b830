import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { permissionsFor } from "../../src/cli/start.ts";
import { readConfig } from "../../src/config/read.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { freePort } from "../support/free-port.ts";
import { run, START, startProcess } from "../support/process.ts";

/** Deno's own HTTP/2 client can crash on GOAWAY (denoland/deno#36788). */
const http1 = (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" });

/** What operators without a process manager run. */
const TASK = ["task", "start"];
const folder = mkdtempSync(path.join(tmpdir(), "start-"));
const secretFile = path.join(folder, "secret");
writeFileSync(secretFile, "123456\n");

/** The sandbox, disposed of with its test. */
async function startSandbox() {
  const sandbox = await createSandbox();
  return Object.assign(sandbox, { [Symbol.asyncDispose]: () => sandbox.close() });
}

/** Serves "reached" on a free port. */
async function startOther() {
  const server = createServer((_request, response) => response.end("reached"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close() };
}

/** Permission flags for a service with this secret file. */
function permissionsWith(DAXPAY_SIGN_SECRET_FILE: string, more: Readonly<Record<string, string>> = {}): string[] {
  const variables: Record<string, string> = {
    ...more,
    DAXPAY_URL: "http://127.0.0.1:9",
    DAXPAY_RELEASE: "2.0.8",
    DAXPAY_SIGN_SECRET_FILE,
  };
  const env = (name: string) => variables[name];
  const result = readConfig({ env, readFile: () => "123456", isTerminal: false });
  if (result.kind === "invalid") throw new Error(result.problems.join());
  return permissionsFor(result.config, env);
}

/** Runs a command as the first process of its own process namespace. */
const CONTAINER = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc"] as const;

function canUnshare(): boolean {
  const [command, ...args] = CONTAINER;
  return spawnSync(command, [...args, "true"]).status === 0;
}

describe("permissionsFor()", () => {
  test("denies every other file, host, variable and command", async () => {
    using other = await startOther();
    const otherFile = path.join(folder, "other");
    writeFileSync(otherFile, "read");
    const probe = path.join(folder, "probe.ts");
    writeFileSync(
      probe,
      `const outcome = async (work) => { try { return await work(); } catch (error) { return error.name; } };
       console.log(JSON.stringify({
         secret: await outcome(() => Deno.readTextFileSync(${JSON.stringify(secretFile)})),
         file: await outcome(() => Deno.readTextFileSync(${JSON.stringify(otherFile)})),
         write: await outcome(() => Deno.writeTextFileSync(${JSON.stringify(secretFile)}, "")),
         host: await outcome(async () => (await fetch("http://127.0.0.1:${other.port}/")).text()),
         port: await outcome(() => Deno.listen({ hostname: "127.0.0.1", port: 1 })),
         variable: await outcome(() => Deno.env.get("HOME")),
         command: await outcome(() => new Deno.Command("true").outputSync()),
       }));`,
    );
    const { stdout, stderr } = await run(["run", ...permissionsWith(secretFile), probe], {});
    expect(stderr).toBe("");
    const denied = "NotCapable";
    expect(JSON.parse(stdout)).toEqual({
      secret: "123456\n",
      file: denied,
      write: denied,
      host: denied,
      port: denied,
      variable: denied,
      command: denied,
    });
  });

  test("allows every host where events are delivered to a webhook, whose addresses are not known", () => {
    const webhook = { WEBHOOK_URL: "https://hooks.example", WEBHOOK_SECRET: `whsec_${btoa("x".repeat(24))}` };
    expect(permissionsWith(secretFile, webhook)).toContain("--allow-net");
    expect(permissionsWith(secretFile)).not.toContain("--allow-net");
  });

  test("throws for a path with a comma, which would be split in two", () => {
    expect(() => permissionsWith("/a,/etc")).toThrow(/^DAXPAY_SIGN_SECRET_FILE: expected a path without a comma/);
  });
});

describe("deno task start", () => {
  test("serves with exactly the permissions it needs, and exits with 0 on SIGTERM", async () => {
    await using sandbox = await startSandbox();
    await using service = await startProcess({
      variables: { DAXPAY_URL: sandbox.url, DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: secretFile },
    });
    const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
    expect(await client.syncRefund({ refundNo: "R-SUCCEEDS" })).toMatchObject({
      refund: { daxpayStatus: "refund_success" },
    });
    expect(service.lines()[0].message).toContain(manifest.version);
    service.kill("SIGTERM");
    expect(await service.ended).toMatchObject({ code: 0 });
    expect(service.errors()).toEqual([]);
  });

  test("serves the accounts of a file, and reloads a secret that changes", async () => {
    await using shop = await startSandbox();
    await using outlet = await startSandbox();
    const secret = path.join(folder, "outlet-secret");
    writeFileSync(secret, "wrong");
    const accounts = path.join(folder, "accounts.yaml");
    writeFileSync(
      accounts,
      `shop: {url: ${shop.url}, release: documented, secret_file: ${secretFile}}
outlet: {url: ${outlet.url}, release: documented, secret_file: ${secret}}
`,
    );
    await using service = await startProcess({
      variables: { DAXPAY_RELEASE: "", DAXPAY_SIGN_SECRET: "", DAXPAY_ACCOUNTS_FILE: accounts },
    });
    const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
    const statusOf = async (account: string) =>
      (await client.syncRefund({ account, refundNo: "R-SUCCEEDS" })).refund?.daxpayStatus;
    expect(await statusOf("shop")).toBe("refund_success");
    await expect(statusOf("outlet")).rejects.toMatchObject({ code: Code.FailedPrecondition });
    writeFileSync(secret, "123456");
    await service.line(({ message }) => message.startsWith("Changed account"));
    expect(await statusOf("outlet")).toBe("refund_success");
    expect(shop.requests).toHaveLength(1);
    service.kill("SIGTERM");
    expect(await service.ended).toMatchObject({ code: 0 });
    expect(service.errors()).toEqual([]);
  });

  test("names every missing variable and exits with 2", async () => {
    const { code, stderr } = await run(START, { DAXPAY_URL: "", DAXPAY_RELEASE: "", DAXPAY_SIGN_SECRET: "" });
    expect(code).toBe(2);
    expect(stderr).toContain("- DAXPAY_URL: expected an http or https URL");
    expect(stderr).toContain("- DAXPAY_RELEASE: expected one of documented");
    expect(stderr).toContain("- DAXPAY_SIGN_SECRET: expected the signing secret, got nothing");
  });

  test.each([["PORT", "GRPC_PORT"], ["GRPC_PORT", "PORT"]])(
    "prints one line that names %s when its port is in use, and exits with 1",
    async (variable, free) => {
      using other = await startOther();
      const { code, stderr } = await run(START, {
        DAXPAY_URL: "http://127.0.0.1:9",
        DAXPAY_RELEASE: "2.0.8",
        DAXPAY_SIGN_SECRET: "123456",
        [variable]: String(other.port),
        [free]: "0",
      });
      expect(code).toBe(1);
      expect(stderr).toBe(
        `Cannot start: ${variable}: expected a free port, got ${other.port}, which is in use\n`,
      );
    },
  );

  test("on SIGTERM is not ready, ends streams with RetryInfo and finishes calls in flight, even if signalled again", async () => {
    await using sandbox = await startSandbox();
    await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "15000" } });
    const transport = http1(service.http);
    const client = createClient(RefundSyncService, transport);
    const watch = client.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
    await watch.next();
    const health = createClient(Health, transport).watch({})[Symbol.asyncIterator]();
    expect((await health.next()).value).toMatchObject({ status: ServingStatus.SERVING });
    sandbox.setFault("slow", { refundNo: "R-SUCCEEDS" });
    const slow = client.syncRefund({ refundNo: "R-SUCCEEDS" });
    await expect.poll(() => sandbox.requests).toHaveLength(2);

    service.kill("SIGTERM");
    expect((await health.next()).value).toMatchObject({ status: ServingStatus.NOT_SERVING });
    service.kill("SIGTERM");
    const ended = ConnectError.from(await watch.next().catch((error) => error));
    expect(ended).toMatchObject({ code: Code.Unavailable, rawMessage: "The service is shutting down" });
    expect(ended.findDetails(RetryInfoSchema)).toHaveLength(1);
    expect(await slow).toMatchObject({ refund: { daxpayStatus: "refund_success" } });
    expect(await service.ended).toMatchObject({ code: 0 });
    await expect(fetch(`${service.http}/healthz`)).rejects.toThrow();
  });

  test("ends calls as unavailable after STOP_TIMEOUT_MS, and exits with 0", async () => {
    await using sandbox = await startSandbox();
    await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "500" } });
    const client = createClient(RefundSyncService, http1(service.http));
    sandbox.setFault("hang");
    const hanging = client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch((error) => error);
    await expect.poll(() => sandbox.requests).toHaveLength(1);
    service.kill("SIGTERM");
    expect(ConnectError.from(await hanging)).toMatchObject({
      code: Code.Unavailable,
      rawMessage: "The service is shutting down",
    });
    expect(await service.ended).toMatchObject({ code: 0 });
  });

  test("exits at once on a second SIGINT", async () => {
    await using sandbox = await startSandbox();
    await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "600000" } });
    const client = createClient(RefundSyncService, http1(service.http));
    sandbox.setFault("hang");
    client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch(() => {});
    await expect.poll(() => sandbox.requests).toHaveLength(1);
    service.kill("SIGINT");
    await service.line(({ message }) => message.startsWith("Stopping"));
    service.kill("SIGINT");
    expect(await service.ended).toMatchObject({ code: 1 });
  });

  test.each(["SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const)(
    "leaves no process behind when %s ends it",
    async (signal) => {
      await using service = await startProcess({ variables: { DAXPAY_URL: "http://127.0.0.1:9" } });
      expect(childrenOf(service.pid)).toEqual([]);
      service.kill(signal);
      expect(await service.ended).toMatchObject({ signal });
      await expect(fetch(`${service.http}/healthz`)).rejects.toThrow();
    },
  );

  test.each(["SIGTERM", "SIGINT"] as const)("is stopped gracefully by %s to its process group", async (signal) => {
    await using sandbox = await startSandbox();
    await using task = await startProcess({ args: TASK, detached: true, variables: { DAXPAY_URL: sandbox.url } });
    const client = createClient(RefundSyncService, http1(task.http));
    sandbox.setFault("slow", { refundNo: "R-SUCCEEDS", delayMs: 1000 });
    const slow = client.syncRefund({ refundNo: "R-SUCCEEDS" });
    await expect.poll(() => sandbox.requests).toHaveLength(1);
    Deno.kill(-task.pid, signal);
    expect(await slow).toMatchObject({ refund: { daxpayStatus: "refund_success" } });
    expect(await task.ended).toMatchObject({ code: 0 });
    expect(task.errors()).toEqual([]);
  });

  test("answers all calls while nobody reads its standard output", async () => {
    await using sandbox = await startSandbox();
    const port = await freePort();
    const child = new Deno.Command(Deno.execPath(), {
      args: START,
      env: {
        DAXPAY_URL: sandbox.url,
        DAXPAY_RELEASE: "documented",
        DAXPAY_SIGN_SECRET: "123456",
        DAXPAY_RATE: "10000",
        PORT: String(port),
        GRPC_PORT: "0",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    using _ = killAtEnd(child.pid);
    const baseUrl = `http://127.0.0.1:${port}`;
    await expect.poll(() => fetch(`${baseUrl}/healthz`).then(({ status }) => status, () => 0)).toBe(200);
    const client = createClient(RefundSyncService, http1(baseUrl));
    // The lines of about 200 calls fill a pipe.
    for (let call = 0; call < 500; call++) await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { timeoutMs: 10_000 });
    child.kill("SIGTERM");
    expect(await child.status).toMatchObject({ code: 0 });
    await child.stdout.cancel();
  });

  test("stops when deno task is killed", async () => {
    await using task = await startProcess({ args: TASK, variables: { DAXPAY_URL: "http://127.0.0.1:9" } });
    const [service] = childrenOf(task.pid);
    using _ = killAtEnd(service);
    task.kill("SIGKILL");
    await expect.poll(() => isRunning(service)).toBe(false);
    await task.ended;
    expect(task.lines().at(-1)).toMatchObject({ message: "Stopped" });
  });

  test.skipIf(!canUnshare())("leaves no zombie as the first process of a container", async () => {
    const flag = path.join(folder, "flag");
    await using container = await startProcess({
      command: [...CONTAINER, "sh", "-c", `(until [ -e ${flag} ]; do sleep 0.1; done) & exec "$@"`, "sh"],
      args: [Deno.execPath(), ...START],
      variables: { DAXPAY_URL: "http://127.0.0.1:9" },
    });
    const [service] = childrenOf(container.pid);
    using _ = killAtEnd(service);
    expect(childrenOf(service)).toHaveLength(1);
    writeFileSync(flag, "");
    await expect.poll(() => childrenOf(service)).toEqual([]);
    process.kill(service, "SIGTERM");
    expect(await container.ended).toMatchObject({ code: 0 });
  });
});

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" });
  return stdout.split("\n").filter(Boolean).map(Number);
}

/** Leaves nothing behind when the test fails. */
function killAtEnd(pid: number): Disposable {
  return { [Symbol.dispose]: () => void spawnSync("kill", ["-KILL", String(pid)]) };
}

function isRunning(pid: number): boolean {
  return spawnSync("kill", ["-0", String(pid)]).status === 0;
}
