import { createServer } from "node:http";
import { connect } from "node:http2";
import { type AddressInfo, connect as connectSocket } from "node:net";
import { Readable } from "node:stream";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { UnsecuredJWT } from "jose";
import { afterEach, describe, expect, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import { FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { startLog } from "../../src/telemetry/log.ts";
import { getLogger } from "@logtape/logtape";
import { acceleratedClock, PROTOCOLS, type ServiceOptions, startService } from "../support/service.ts";

const METHOD = "/daxpay.refundsync.v1.RefundSyncService/SyncRefund";

afterEach(() => reset());

async function start(options: ServiceOptions = {}) {
  const records: LogRecord[] = [];
  await configure({
    reset: true,
    sinks: { memory: (record) => records.push(record) },
    loggers: [{ category: [], lowestLevel: "debug", sinks: ["memory"] }],
  });
  const service = await startService({ dependencies: acceleratedClock(200), ...options });
  return Object.assign(service, {
    /** The lines of RPCs, without their random parts. */
    lines: () => records.filter(({ properties }) => "requestId" in properties).map(({ properties }) => properties),
    records,
  });
}

describe.each(Object.entries(PROTOCOLS))("%s", (_name, transport) => {
  test("createCallLog() writes exactly one line per RPC, however it ends", async () => {
    await using service = await start();
    const client = createClient(RefundSyncService, transport(service));
    const swallow = (call: Promise<unknown>) => call.catch(() => {});
    const expected: Record<string, unknown>[] = [];
    const expectLine = async (line: Record<string, unknown>) => {
      expected.push(line);
      await expect.poll(() => service.lines().length).toBeGreaterThanOrEqual(expected.length);
      expect(service.lines()).toHaveLength(expected.length);
      expect(service.lines().at(-1)).toMatchObject(line);
    };

    await client.syncRefund({ refundNo: "R-SUCCEEDS" });
    await expectLine({
      method: "SyncRefund",
      code: "ok",
      refundNo: "R-SUCCEEDS",
      daxpayStatus: "refund_success",
    });
    await swallow(client.syncRefund({ bizRefundNo: "unknown" }));
    await expectLine({ code: "not_found", reason: "REFUND_NOT_FOUND", bizRefundNo: "unknown" });
    await swallow(client.syncRefund({ refundNo: "x".repeat(1024 * 1024 + 1) }));
    await expectLine({ code: "resource_exhausted" });
    await swallow(client.syncRefund({ refundNo: "R-SUCCEEDS" }, { timeoutMs: 25 * 3600 * 1000 }));
    await expectLine({ code: "invalid_argument" });
    await client.syncRefund({ refundNo: "R-LOCKED-1" });
    await expectLine({ code: "ok", retries: 1 });
    await Array.fromAsync(client.batchSyncRefunds({ requests: [{ refundNo: "LOAD-1" }, { refundNo: "R-UNKNOWN" }] }));
    await expectLine({ method: "BatchSyncRefunds", code: "ok", refunds: 2, answered: 1, failed: 1 });
    await Array.fromAsync(client.watchRefund({ refundNo: "R-WAITS-1" }));
    await expectLine({
      method: "WatchRefund",
      code: "ok",
      refundNo: "R-WAITS-1",
      attempts: 2,
      daxpayStatus: "refund_success",
    });

    const leave = new AbortController();
    service.sandbox.setFault("hang");
    const requests = service.sandbox.requests.length;
    const cancelled = swallow(client.syncRefund({ refundNo: "LOAD-2" }, { signal: leave.signal }));
    await expect.poll(() => service.sandbox.requests.length).toBeGreaterThan(requests);
    leave.abort();
    await cancelled;
    await expectLine({ code: "canceled", refundNo: "LOAD-2" });
    expect(service.records.at(-1)).toMatchObject({ level: "info" });
    await swallow(client.syncRefund({ refundNo: "LOAD-3" }, { timeoutMs: 5000 }));
    await expectLine({ code: "deadline_exceeded", refundNo: "LOAD-3" });
    expect(service.records.at(-1)).toMatchObject({ level: "warning" });
    expect(new Set(service.lines().map(({ requestId }) => requestId)).size).toBe(expected.length);
    const values = service.lines().flatMap((line) => Object.values(line));
    expect(values.filter((value) => value === undefined || value === "")).toEqual([]);
  }, 60_000);
});

test("createCallLog() logs the caller's request id and trace id, if it sends some", async () => {
  await using service = await start();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { "x-request-id": "order-17", traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const client = createClient(RefundSyncService, PROTOCOLS["Connect on HTTP/1.1"](service));
  let echoed: string | null = null;
  await client.syncRefund({ refundNo: "R-SUCCEEDS" }, {
    headers,
    onHeader: (header) => echoed = header.get("x-request-id"),
  });
  expect(service.lines()).toMatchObject([{ requestId: "order-17", traceId }]);
  expect(echoed).toBe("order-17");

  await client.syncRefund({ refundNo: "R-SUCCEEDS" }, { headers: { "x-request-id": "two words" } });
  expect(service.lines().at(-1)?.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test("createCallLog() logs a client that leaves within its request as canceled, at level info", async () => {
  await using service = await start();
  const { hostname, port } = new URL(service.http);
  const socket = connectSocket(Number(port), hostname);
  socket.write(
    "POST /daxpay.refundsync.v1.RefundSyncService/WatchRefund HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
      "content-type: application/connect+json\r\ncontent-length: 100\r\n\r\n{",
  );
  await new Promise((resolve) => socket.on("connect", () => setTimeout(resolve, 50)));
  socket.resetAndDestroy();
  await expect.poll(() => service.lines()).toMatchObject([{ method: "WatchRefund", code: "canceled" }]);
  expect(service.records.find(({ properties }) => "requestId" in properties)?.level).toBe("info");
});

test("createCallLog() logs a bug with its cause, of which the caller gets only `internal error`", async () => {
  await using service = await start({
    dependencies: {
      nonce: () => {
        throw new TypeError("a bug with a private detail");
      },
    },
    sandbox: { release: "3.0.0" },
  });
  const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
  const error = ConnectError.from(await client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch((caught) => caught));
  expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
  expect(failureOf(error)).toMatchObject({ reason: FailureReason.INTERNAL, message: "internal error" });
  expect(service.records.at(-1)).toMatchObject({
    level: "error",
    properties: { code: "internal", cause: expect.stringContaining("a bug with a private detail") },
  });
});

/** A DaxPay that rejects everything with a message that echoes what was signed, the secret and the signature. */
async function startEcho(status: number, secret: string) {
  const signatures: string[] = [];
  const server = createServer(async (request, response) => {
    const { sign, ...members } = await new Response(Readable.toWeb(request) as ReadableStream).json();
    signatures.push(sign);
    const signed = `${new URLSearchParams(members)}&key=${secret}`;
    const msg = `${sign} is wrong for ${signed}, ${signed.toUpperCase()}, ${"x".repeat(40)}${secret}`;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ code: 20010, msg, data: { code: "1", msg, sign: "0".repeat(64) }, traceId: "t" }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { signatures, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

test.each([["2.0.8", 200], ["2.0.8", 500], ["3.0.0", 200], ["3.0.0", 403]] as const)(
  "the service redacts secret and signature in messages of DaxPay %s with HTTP %i",
  async (release, status) => {
    const secret = "s3cret.0f+the-Merchant";
    const echo = await startEcho(status, secret);
    await using service = await start({
      sandbox: { release },
      variables: { DAXPAY_URL: echo.url, DAXPAY_SIGN_SECRET: secret },
    });
    const client = createClient(RefundSyncService, PROTOCOLS.gRPC(service));
    const error = ConnectError.from(await client.syncRefund({ refundNo: "R-SUCCEEDS" }).catch((caught) => caught));
    const [failure] = error.findDetails(SyncFailureSchema);
    expect(failure.daxpayMessage).toContain("[redacted] is wrong for refundNo=R-SUCCEEDS");
    const [result] = await Array.fromAsync(client.batchSyncRefunds({ requests: [{ refundNo: "R-SUCCEEDS" }] }));
    const metrics = await (await fetch(`${service.http}/metrics`)).text();
    const shown = Deno.inspect([error.message, failure, result, metrics, service.records], {
      depth: 20,
      strAbbreviateSize: Infinity,
      iterableLimit: Infinity,
    }).toLowerCase();
    expect(shown).toContain("is wrong for");
    expect(echo.signatures.length).toBeGreaterThan(1);
    for (const hidden of [secret, ...echo.signatures]) expect(shown).not.toContain(hidden.toLowerCase());
    echo.close();
  },
);

test("createCallLog() logs an undecodable message on HTTP/2", async () => {
  await using service = await start();
  const session = connect(service.grpc);
  const status = await new Promise((resolve) => {
    const stream = session.request({ ":method": "POST", ":path": METHOD, "content-type": "application/proto" });
    stream.once("response", (headers) => resolve(headers[":status"]));
    stream.on("error", () => {});
    stream.end("this is no message");
  });
  session.destroy();
  // Connect's own answer to bytes that are no message.
  expect(status).toBe(500);
  expect(service.lines()).toMatchObject([{ code: "internal" }]);
});

test.each(["json", "text"] as const)("startLog() redacts secrets in %s lines", async (format) => {
  const printed: string[] = [];
  const print = (line: string) => void printed.push(line);
  await startLog({ level: "debug", format }, { secrets: ['the "secret"'], print });
  const logger = getLogger("refundsync");
  logger.info("Bearer abc.def-123 and {text}", { text: 'the "secret"', authorization: "Bearer zzz", token: "yyy" });
  logger.warn("{text} refundNo=R&key=hidden", { text: '{"refundNo":"R","sign":"0123456789abcdef"}' });
  const jwt = new UnsecuredJWT({ sub: "night-job" }).encode() + "c2lnbmF0dXJl";
  logger.error("{error} as in {text}", { error: new Error(`it was THE "SECRET", ${jwt}`), text: jwt });
  const all = printed.join("\n");
  expect(printed.length).toBe(3);
  for (const secret of ["abc.def", "secret", "SECRET", "zzz", "yyy", "0123456789abcdef", "hidden", ...jwt.split(".")]) {
    expect(all.replaceAll("[redacted]", "")).not.toContain(secret);
  }
});
