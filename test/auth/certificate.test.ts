import { spawnSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import path from "node:path";
import { connect } from "node:tls";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { afterEach, describe, expect, test } from "vitest";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { startService } from "../support/service.ts";
import { createAuthority } from "../support/authority.ts";

const authority = await createAuthority();
const stranger = await createAuthority();
const server = await authority.issue("server");
const TOKEN = "t0ken-of-the-billing-service";
const tokensFile = path.join(authority.folder, "tokens");
writeFileSync(tokensFile, `billing ${TOKEN}\n`);

const TLS = { TLS_CERT_FILE: server.certFile, TLS_KEY_FILE: server.keyFile };
const MUTUAL = { ...TLS, TLS_CLIENT_CA_FILE: authority.caFile };

const windows = (text: string) => `\ufeff${text.replaceAll("\n", "\r\n")}`;

let records: LogRecord[] = [];
afterEach(() => reset());

async function start(variables: Readonly<Record<string, string>>) {
  records = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "debug", sinks: ["memory"] }],
  });
  return await startService({ variables });
}

describe("with TLS one port serves both HTTP versions to", () => {
  const transports = {
    "Connect on HTTP/1.1": (baseUrl: string, nodeOptions: object) =>
      createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
    "Connect on h2": (baseUrl: string, nodeOptions: object) =>
      createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions }),
    "gRPC": (baseUrl: string, nodeOptions: object) => createGrpcTransport({ baseUrl, nodeOptions }),
  };

  test.each(Object.entries(transports))("%s", async (_name, transport) => {
    await using service = await start(TLS);
    expect(service.grpc).toBe(service.http);
    const client = createClient(RefundSyncService, transport(service.http, { ca: authority.ca }));
    expect((await client.syncRefund({ refundNo: "R-SUCCEEDS" })).refund?.daxpayStatus).toBe("refund_success");
    const attempts = await Array.fromAsync(client.watchRefund({ refundNo: "R-SUCCEEDS" }));
    expect(attempts).toHaveLength(1);
  });

  test.each(Object.entries(transports))("%s with client certificates", async (_name, transport) => {
    await using service = await start(MUTUAL);
    const code = (options: object) =>
      createClient(RefundSyncService, transport(service.http, { ca: authority.ca, ...options }))
        .syncRefund({ refundNo: "R-SUCCEEDS" }).then(() => "ok", (error) => Code[error.code]);
    const { cert, key } = await authority.issue("settlement");
    expect(await code({ cert, key })).toBe("ok");
    expect(records.at(-1)?.properties.caller).toBe("settlement");
    const asked = service.sandbox.requests.length;
    expect(await code({})).toBe("Unauthenticated");
    const foreign = await stranger.issue("settlement");
    expect(await code({ cert: foreign.cert, key: foreign.key })).toBe("Unauthenticated");
    const expired = await authority.issue("settlement", { validForMs: -3_600_000 });
    expect(await code({ cert: expired.cert, key: expired.key })).toBe("Unauthenticated");
    // A certificate is public: without its key it proves nothing.
    expect(await code({ cert, key: foreign.key })).not.toBe("ok");
    expect(service.sandbox.requests).toHaveLength(asked);
  });
});

test("a token replaces a client certificate if both are configured", async () => {
  await using service = await start({ ...MUTUAL, AUTH_TOKENS_FILE: tokensFile });
  const client = createClient(
    RefundSyncService,
    createGrpcTransport({ baseUrl: service.grpc, nodeOptions: { ca: authority.ca } }),
  );
  const call = (authorization: string) => client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers: { authorization } });
  await call(`Bearer ${TOKEN}`);
  expect(records.at(-1)?.properties.caller).toBe("billing");
  await expect(call("Bearer wrong-wrong-wrong")).rejects.toMatchObject({ code: Code.Unauthenticated });
});

test("responses over TLS carry Strict-Transport-Security", async () => {
  await using service = await start(TLS);
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) =>
    get(`${service.http}/healthz`, { ca: authority.ca }, (response) => resolve(response.headers)).on("error", reject)
  );
  expect(headers["strict-transport-security"]).toMatch(/^max-age=\d{8}/);
});

test("loadCertificate() applies a renewed certificate to new connections, once its key matches", async () => {
  const [first, second] = [await authority.issue("first"), await authority.issue("second")];
  const [certFile, keyFile] = ["live.pem", "live.key"].map((name) => path.join(authority.folder, name));
  copyFileSync(first.certFile, certFile);
  copyFileSync(first.keyFile, keyFile);
  await using service = await start({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
  const { hostname, port } = new URL(service.http);
  const served = () =>
    new Promise<unknown>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), ca: authority.ca }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.once("error", reject);
    });
  expect(await served()).toBe("first");

  copyFileSync(second.certFile, certFile);
  const errors = () => records.filter(({ level }) => level === "error").map(({ properties }) => properties);
  await expect.poll(errors).toMatchObject([{
    error: expect.stringMatching(/^TLS_KEY_FILE: expected the private key/),
  }]);
  expect(await served()).toBe("first");
  copyFileSync(second.keyFile, keyFile);
  await expect.poll(served).toBe("second");
});

test.each<[string, (pair: { readonly cert: string; readonly key: string }) => readonly [string, string]]>([
  ["key and certificate in one file", ({ cert, key }) => [key + cert, key + cert]],
  ["a byte order mark and CRLF", ({ cert, key }) => [windows(cert), windows(key)]],
  [
    "the attributes of a PKCS#12 export",
    ({ cert, key }) => [`Bag Attributes\n${cert}`, `Key Attributes: <No>\n${key}`],
  ],
  ["a chain", ({ cert, key }) => [cert + authority.ca, key]],
])("loadCertificate() reads %s", async (name, textsOf) => {
  const [certText, keyText] = textsOf(server);
  const [certFile, keyFile] = ["cert", "key"].map((kind) => path.join(authority.folder, `${name}.${kind}`));
  writeFileSync(certFile, certText);
  writeFileSync(keyFile, keyText);
  await using service = await start({ TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile });
  const status = await new Promise((resolve, reject) =>
    get(`${service.http}/healthz`, { ca: authority.ca }, ({ statusCode }) => resolve(statusCode)).on("error", reject)
  );
  expect(status).toBe(200);
});

test.skipIf(spawnSync("curl", ["--version"]).status !== 0)("curl with a client certificate", async () => {
  await using service = await start(MUTUAL);
  const { certFile, keyFile } = await authority.issue("operator");
  const { status, stdout } = await run("curl", [
    "--silent",
    "--cacert",
    authority.caFile,
    "--cert",
    certFile,
    "--key",
    keyFile,
    "--header",
    "content-type: application/json",
    "--data",
    '{"refundNo": "R-SUCCEEDS"}',
    `${service.http}/daxpay.refundsync.v1.RefundSyncService/SyncRefund`,
  ]);
  expect([status, JSON.parse(stdout).refund.status]).toEqual([0, "REFUND_STATUS_SUCCEEDED"]);
  expect(records.at(-1)?.properties.caller).toBe("operator");
});

test.each(["connect", "grpc", "grpcweb"])("buf curl with TLS and a token, over %s", async (protocol) => {
  await using service = await start({ ...TLS, AUTH_TOKENS_FILE: tokensFile });
  const call = (token: string) =>
    run("node_modules/.bin/buf", [
      "curl",
      "--cacert",
      authority.caFile,
      "--protocol",
      protocol,
      "--header",
      `Authorization: Bearer ${token}`,
      "--reflect-header",
      `Authorization: Bearer ${TOKEN}`,
      "--data",
      '{"refund_no": "R-SUCCEEDS"}',
      `${service.grpc}/daxpay.refundsync.v1.RefundSyncService/SyncRefund`,
    ]);
  const accepted = await call(TOKEN);
  expect(accepted).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse(accepted.stdout)).toMatchObject({ refund: { daxpayStatus: "refund_success" } });
  const rejected = await call("wrong-wrong-wrong-wrong");
  expect(rejected.status).not.toBe(0);
  expect(rejected.stderr).toContain("unauthenticated");
}, 60_000);

/** Runs a command without blocking the service in this process. */
async function run(command: string, args: string[]) {
  const output = await new Deno.Command(command, { args, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { status: output.code, stdout: text(output.stdout), stderr: text(output.stderr) };
}
