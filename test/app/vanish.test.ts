import { create, toBinary } from "@bufbuild/protobuf";
import http2 from "node:http2";
import net from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { RefundSyncService, WatchRefundRequestSchema } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { outcomeOf } from "../support/outcome.ts";
import { startService } from "../support/service.ts";

const PATH = "/daxpay.refundsync.v1.RefundSyncService";

/** A caller whose socket can be reset rather than closed. */
interface Peer {
  kill(): void;
}

/** One message in the envelope that Connect streams and gRPC share. */
function enveloped(content: string | Uint8Array): Uint8Array {
  const message = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

function overHttp1(url: string, method: string, type: string, body: Uint8Array): Promise<Peer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () => {
      socket.write(
        `POST ${PATH}/${method} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      resolve({ kill: () => socket.resetAndDestroy() });
    });
    socket.on("error", reject);
  });
}

function overHttp2(url: string, method: string, type: string, body: Uint8Array): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    const session = http2.connect(url, { createConnection: () => socket });
    session.on("error", reject);
    socket.on("error", () => {});
    session.on("connect", () => {
      const stream = session.request({
        ":method": "POST",
        ":path": `${PATH}/${method}`,
        "content-type": type,
        te: "trailers",
      });
      stream.on("error", () => {});
      stream.end(body);
      resolve({ kill: () => socket.resetAndDestroy() });
    });
  });
}

const json = (request: string) => new TextEncoder().encode(request);
const UNARY = json('{"refundNo":"FAULT-HANG"}');
const WATCH = enveloped('{"refundNo":"R-WAITS"}');
const NUMBERS = Array.from({ length: 500 }, (_, index) => ({ refundNo: `LOAD-${index}` }));
const BATCH = enveloped(JSON.stringify({ requests: NUMBERS }));

describe.each(
  [
    ["a unary call on HTTP/1.1", overHttp1, "SyncRefund", "application/json", UNARY],
    ["a unary call on h2", overHttp2, "SyncRefund", "application/json", UNARY],
    ["a watch on HTTP/1.1", overHttp1, "WatchRefund", "application/connect+json", WATCH],
    ["a watch on h2", overHttp2, "WatchRefund", "application/connect+json", WATCH],
    ["a batch on HTTP/1.1", overHttp1, "BatchSyncRefunds", "application/connect+json", BATCH],
    ["a batch on h2", overHttp2, "BatchSyncRefunds", "application/connect+json", BATCH],
  ] as const,
)("The service frees everything that %s held", (_, connect, method, type, body) => {
  test("when the caller's connection is reset", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8", latencyMs: method === "BatchSyncRefunds" ? 200 : 0 },
      variables: { DAXPAY_CONCURRENCY: "4" },
    });
    const { app, sandbox } = service;
    const busy = () => app.stats().watchers + app.stats().inFlight;
    const peer = await connect(connect === overHttp1 ? service.http : service.grpc, method, type, body);
    await expect.poll(() => sandbox.requests.length).toBeGreaterThan(0);
    await expect.poll(busy).toBeGreaterThan(0);
    peer.kill();
    await expect.poll(busy).toBe(0);
    expect(app.stats().queueSize).toBe(0);
    if (method === "BatchSyncRefunds") expect(sandbox.requests.length).toBeLessThan(100);
  });
});

test.each(
  [
    ["HTTP/1.1", overHttp1, "http"],
    ["h2", overHttp2, "grpc"],
  ] as const,
)("A sync whose caller vanishes on %s is finished, and the next caller gets its outcome", async (_, connect, to) => {
  await using service = await startService({ sandbox: { release: "3.0.0" } });
  const { app, sandbox } = service;
  sandbox.addRefund({ refundNo: "R1", state: "CLOSED", latencyMs: 1_000 });
  const peer = await connect(service[to], "SyncRefund", "application/json", json('{"refundNo":"R1"}'));
  await expect.poll(() => sandbox.requests.at(-1)?.endpoint).toBe("sync");
  peer.kill();
  await expect.poll(() => app.stats().inFlight).toBe(0);
  expect(await outcomeOf(service.client.syncRefund({ refundNo: "R1" }))).toMatchObject({
    status: "CLOSED",
    final: true,
    binding: "REFUND",
  });
  expect(sandbox.refund("R1")).toMatchObject({ syncs: 1, credits: 1 });
});

test("A watch over gRPC whose session is killed ends, and the same refund's other watcher goes on", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const { app } = service;
  const message = toBinary(WatchRefundRequestSchema, create(WatchRefundRequestSchema, { refundNo: "R-WAITS" }));
  const peer = await overHttp2(service.grpc, "WatchRefund", "application/grpc", enveloped(message));
  const stay = new AbortController();
  const client = createClient(RefundSyncService, createGrpcTransport({ baseUrl: service.grpc }));
  const other = client.watchRefund({ refundNo: "R-WAITS" }, { signal: stay.signal })[Symbol.asyncIterator]();
  await other.next();
  await expect.poll(() => app.stats().watchers).toBe(2);
  peer.kill();
  await expect.poll(() => app.stats().watchers).toBe(1);
  stay.abort();
  await other.next().catch(() => {});
  await expect.poll(() => app.stats().watchers).toBe(0);
});
