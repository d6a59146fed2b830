import { create, toBinary } from "@bufbuild/protobuf";
import http2 from "node:http2";
import net from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { RefundSyncService, WatchRefundRequestSchema } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { startService } from "../support/service.ts";

const PATH = "/daxpay.refundsync.v1.RefundSyncService";

/** A caller by hand, so that its socket can be killed rather than closed. */
interface Peer {
  kill(): void;
}

/** One message in the envelope that Connect streams and gRPC share. */
function enveloped(json: string): Uint8Array {
  const message = new TextEncoder().encode(json);
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

const json = (query: string) => new TextEncoder().encode(query);
const WATCH = '{"refundNo":"R-WAITS"}';
const BATCH = `{"refunds":[${Array.from({ length: 500 }, (_, index) => `{"refundNo":"LOAD-${index}"}`).join(",")}]}`;

describe.each(
  [
    ["a unary call on HTTP/1.1", overHttp1, "SyncRefund", "application/json", json('{"refundNo":"FAULT-HANG"}')],
    ["a unary call on h2", overHttp2, "SyncRefund", "application/json", json('{"refundNo":"FAULT-HANG"}')],
    ["a watch on HTTP/1.1", overHttp1, "WatchRefund", "application/connect+json", enveloped(WATCH)],
    ["a watch on h2", overHttp2, "WatchRefund", "application/connect+json", enveloped(WATCH)],
    ["a batch on HTTP/1.1", overHttp1, "BatchSyncRefunds", "application/connect+json", enveloped(BATCH)],
    ["a batch on h2", overHttp2, "BatchSyncRefunds", "application/connect+json", enveloped(BATCH)],
  ] as const,
)("a caller that vanishes from %s", (_, connect, method, type, body) => {
  test("frees everything it held", async () => {
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
    await expect.poll(busy, { timeout: 5000 }).toBe(0);
    expect(app.stats().queueSize).toBe(0);
    if (method === "BatchSyncRefunds") expect(sandbox.requests.length).toBeLessThan(100);
  });
});

test("gRPC: a killed session ends its watch, and the same refund's other watcher goes on", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  const { app } = service;
  const message = toBinary(WatchRefundRequestSchema, create(WatchRefundRequestSchema, { refundNo: "R-WAITS" }));
  const body = new Uint8Array(5 + message.length);
  new DataView(body.buffer).setUint32(1, message.length);
  body.set(message, 5);
  const peer = await overHttp2(service.grpc, "WatchRefund", "application/grpc", body);
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

test("when the service stops, streams end as unavailable with a hint to come again", async () => {
  const service = await startService({ sandbox: { release: "2.0.8" } });
  const watch = service.client.watchRefund({ refundNo: "R-WAITS" })[Symbol.asyncIterator]();
  await watch.next();
  const end = watch.next().catch((error) => error);
  await service[Symbol.asyncDispose]();
  const error = await end;
  expect([error.code, error.rawMessage]).toEqual([14, "The service is stopping"]);
  expect(error.details.map((detail: { type: string }) => detail.type)).toContain("google.rpc.RetryInfo");
});
