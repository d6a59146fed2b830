import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { Health } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { createSandbox } from "../../src/sandbox/sandbox.ts";
import { permissionsFor } from "../../src/cli/start.ts";
import { run, START, startProcess } from "../support/process.ts";

/** Deno's own HTTP/2 client can crash when a server goes away (an assertion of its nghttp2 about GOAWAY). */
const http1 = (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" });

const folder = mkdtempSync(path.join(tmpdir(), "start-"));
const secretFile = path.join(folder, "secret");
writeFileSync(secretFile, "123456\n");

test("start serves with the permissions that the configuration needs, and stops on SIGTERM with 0", async () => {
  const sandbox = await createSandbox();
  await using service = await startProcess({
    variables: { DAXPAY_URL: sandbox.url, DAXPAY_SIGN_SECRET: "", DAXPAY_SIGN_SECRET_FILE: secretFile },
  });
  const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
  expect((await client.syncRefund({ refundNo: "R-SUCCEEDS" })).refund?.daxpayStatus).toBe("refund_success");
  service.kill("SIGTERM");
  expect([(await service.ended).code, service.errors()]).toEqual([0, []]);
  await sandbox.close();
}, 60_000);

test("with these permissions another file, another host and another variable are denied", async () => {
  const other = createServer((_request, response) => response.end("reached"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
  const otherFile = path.join(folder, "other");
  writeFileSync(otherFile, "read");
  const variables: Record<string, string> = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_SIGN_SECRET_FILE: secretFile };
  const result = readConfig({ env: (name) => variables[name], readFile: () => "123456", isTerminal: false });
  if (result.kind === "invalid") throw new Error(result.problems.join());
  const probe = path.join(folder, "probe.ts");
  writeFileSync(
    probe,
    `const outcome = async (work) => { try { return await work(); } catch (error) { return error.name; } };
     console.log(JSON.stringify({
       secret: await outcome(() => Deno.readTextFileSync(${JSON.stringify(secretFile)})),
       file: await outcome(() => Deno.readTextFileSync(${JSON.stringify(otherFile)})),
       write: await outcome(() => Deno.writeTextFileSync(${JSON.stringify(secretFile)}, "")),
       host: await outcome(async () => (await fetch(${JSON.stringify(otherUrl)})).text()),
       port: await outcome(() => Deno.listen({ hostname: "127.0.0.1", port: 1 })),
       variable: await outcome(() => Deno.env.get("HOME")),
       command: await outcome(() => new Deno.Command("true").outputSync()),
     }));`,
  );
  const { stdout, stderr } = await run(["run", ...permissionsFor(result.config, (name) => variables[name]), probe], {});
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
  other.close();
}, 60_000);

test("without a configuration it says what is missing and exits with 2", async () => {
  const { code, stderr } = await run(START, { DAXPAY_URL: "", DAXPAY_SIGN_SECRET: "" });
  expect(code).toBe(2);
  expect(stderr).toContain("DAXPAY_URL: found nothing, wanted an http or https address");
  expect(stderr).toContain("DAXPAY_SIGN_SECRET: found nothing");
});

test("a path that Deno's flags cannot carry is refused, not cut in two", () => {
  const variables: Record<string, string> = { DAXPAY_URL: "http://127.0.0.1:9", DAXPAY_SIGN_SECRET_FILE: "/a,/etc" };
  const result = readConfig({ env: (name) => variables[name], readFile: () => "123456", isTerminal: false });
  expect(() => result.kind === "valid" && permissionsFor(result.config, (name) => variables[name])).toThrow(/comma/);
});

test("a port that is taken: says so and exits with 1", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  const { code, stderr } = await run(START, {
    DAXPAY_URL: "http://127.0.0.1:9",
    DAXPAY_SIGN_SECRET: "123456",
    PORT: String(port),
    GRPC_PORT: "0",
  });
  expect([code, stderr]).toEqual([1, expect.stringContaining("Cannot start")]);
  taken.close();
}, 60_000);

test("SIGTERM: not ready, streams end with a hint, calls under way finish, exit 0", async () => {
  const sandbox = await createSandbox();
  await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "15000" } });
  const transport = http1(service.http);
  const client = createClient(RefundSyncService, transport);
  const watch = client.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
  await watch.next();
  const health = createClient(Health, transport).watch({})[Symbol.asyncIterator]();
  expect((await health.next()).value.status).toBe(1);
  sandbox.setFault("slow", { refundNo: "R-SUCCEEDS" });
  const slow = client.syncRefund({ refundNo: "R-SUCCEEDS" });
  while (sandbox.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));

  service.kill("SIGTERM");
  expect((await health.next()).value.status).toBe(2);
  const ended = ConnectError.from(await watch.next().catch((error) => error));
  expect([Code[ended.code], ended.findDetails(RetryInfoSchema)]).toEqual(["Unavailable", [expect.anything()]]);
  expect((await slow).refund?.daxpayStatus).toBe("refund_success");
  expect((await service.ended).code).toBe(0);
  await expect(fetch(`${service.http}/healthz`)).rejects.toThrow();
  await sandbox.close();
}, 60_000);

test("what does not finish within STOP_TIMEOUT_MS ends as unavailable, and the exit code is still 0", async () => {
  const sandbox = await createSandbox();
  await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "500" } });
  const client = createClient(RefundSyncService, http1(service.http));
  sandbox.setFault("hang");
  const hanging = client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch((error) => error);
  while (sandbox.requests.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
  service.kill("SIGTERM");
  const error = ConnectError.from(await hanging);
  expect([Code[error.code], error.rawMessage]).toEqual(["Unavailable", "The service is stopping"]);
  expect((await service.ended).code).toBe(0);
  await sandbox.close();
}, 60_000);

test("a second signal exits at once", async () => {
  const sandbox = await createSandbox();
  await using service = await startProcess({ variables: { DAXPAY_URL: sandbox.url, STOP_TIMEOUT_MS: "600000" } });
  const client = createClient(RefundSyncService, http1(service.http));
  sandbox.setFault("hang");
  client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch(() => {});
  while (sandbox.requests.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
  service.kill("SIGTERM");
  await service.line(({ message }) => message.startsWith("Stopping"));
  service.kill("SIGTERM");
  expect((await service.ended).code).toBe(1);
  await sandbox.close();
}, 60_000);
