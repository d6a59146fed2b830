import { request as httpRequest } from "node:http";
import { connect, type IncomingHttpHeaders } from "node:http2";
import { Buffer } from "node:buffer";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RefundSyncService, SyncRefundRequestSchema } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { listen, type Server } from "../../src/http/listen.ts";
import { type CallResult, createCalls } from "../../src/interceptors/call.ts";
import { Shutdown } from "../../src/util/shutdown.ts";
import { PROTOCOLS } from "../support/service.ts";

const METHOD = `/${RefundSyncService.typeName}/SyncRefund`;

let started = 0;
/** How calls ended. */
const results: CallResult[] = [];
const forceStop = new AbortController();
/** Shared by all calls, as at a shutdown. */
const shutdown = new ConnectError("stopping", Code.Unavailable, undefined, [], new Shutdown());
let server: Server;
let at: { readonly http: string; readonly grpc: string };

beforeAll(async () => {
  const calls = createCalls({
    elapsed: () => performance.now(),
    generateRequestId: () => "id",
    authenticate({ authorization }) {
      if (authorization === "bug") throw new TypeError("a private detail");
      if (authorization === "nobody") throw new ConnectError("who?", Code.Unauthenticated);
      return Promise.resolve(undefined);
    },
    clientCertNameOf: () => undefined,
    open: [],
    observers: [{ onStart: () => void started++, onEnd: (_call, result) => void results.push(result) }],
    completeError(serviceTypeName, { rawMessage, code, metadata, cause }) {
      const detail = { desc: ErrorInfoSchema, value: { reason: Code[code], domain: serviceTypeName } };
      return new ConnectError(rawMessage, code, metadata, [detail], cause);
    },
  });
  const handler = connectNodeAdapter({
    routes(router) {
      router.service(RefundSyncService, {
        syncRefund({ refundNo }) {
          if (refundNo === "shutdown") throw shutdown;
          if (refundNo === "bug") throw new TypeError("a private detail");
          throw new ConnectError("not here", Code.NotFound);
        },
        async *watchRefund() {
          yield await Promise.resolve({ attempt: 1 });
          throw new ConnectError("broken", Code.DataLoss);
        },
      });
    },
    requestGate: calls.gate,
    interceptors: [calls.interceptor],
    readMaxBytes: 1024,
    maxTimeoutMs: 60_000,
    shutdownSignal: forceStop.signal,
  });
  server = await listen({
    host: "127.0.0.1",
    port: 0,
    grpcPort: 0,
    tls: undefined,
    maxConnections: 100,
    handler,
    onErrorResponse: () => {},
  });
  at = { http: `http://127.0.0.1:${server.http.port}`, grpc: `http://127.0.0.1:${server.grpc.port}` };
});
afterAll(() => server.close(0, () => {}));
beforeEach(() => {
  started = 0;
  results.splice(0);
});

/** The caller's error and the one that observers saw. */
async function failed(call: Promise<unknown>) {
  const error = ConnectError.from(await call.then(() => new Error("expected an error"), (error) => error));
  await expect.poll(() => results).toHaveLength(1);
  const infoOf = (error: ConnectError | undefined) => error?.findDetails(ErrorInfoSchema) ?? [];
  return { error, details: infoOf(error), observed: infoOf(results[0].error) };
}

/** Exactly one detail, in the caller's error and in the observed one. */
const completed = (reason: string) => {
  const details = [{ reason, domain: RefundSyncService.typeName }];
  return { details, observed: details };
};

/** Claims a string of 100 bytes and ends after one. */
const malformed = Object.assign(create(SyncRefundRequestSchema), {
  $unknown: [{ no: 1, wireType: 2, data: new Uint8Array([100, 1]) }],
});

describe.each(Object.entries(PROTOCOLS))("createCalls({ completeError }) over %s completes", (_protocol, transport) => {
  const client = () => createClient(RefundSyncService, transport(at));

  test("an error of the request gate", async () => {
    const headers = { authorization: "nobody" };
    expect(await failed(client().syncRefund({}, { headers }))).toMatchObject({
      error: { code: Code.Unauthenticated, rawMessage: "who?" },
      ...completed("Unauthenticated"),
    });
    results.splice(0);
    expect(await failed(Array.fromAsync(client().watchRefund({}, { headers })))).toMatchObject(
      completed("Unauthenticated"),
    );
  });

  test("a bug in the request gate, without its text", async () => {
    expect(await failed(client().syncRefund({}, { headers: { authorization: "bug" } }))).toMatchObject({
      error: { code: Code.Internal, rawMessage: "internal error" },
      ...completed("Internal"),
    });
  });

  test("an undecodable message", async () => {
    expect(await failed(client().syncRefund(malformed))).toMatchObject({
      error: { code: Code.Internal },
      ...completed("Internal"),
    });
  });

  test("an oversized message", async () => {
    expect(await failed(client().syncRefund({ refundNo: "x".repeat(2000) }))).toMatchObject({
      error: { code: Code.ResourceExhausted },
      ...completed("ResourceExhausted"),
    });
    results.splice(0);
    expect(await failed(Array.fromAsync(client().watchRefund({ refundNo: "x".repeat(2000) })))).toMatchObject(
      completed("ResourceExhausted"),
    );
  });

  test("a timeout that is too long", async () => {
    expect(await failed(client().syncRefund({}, { timeoutMs: 120_000 }))).toMatchObject({
      error: { code: Code.InvalidArgument },
      ...completed("InvalidArgument"),
    });
  });

  test("a thrown error", async () => {
    expect(await failed(client().syncRefund({}))).toMatchObject({
      error: { code: Code.NotFound, rawMessage: "not here" },
      ...completed("NotFound"),
    });
  });

  test("a bug, without its text", async () => {
    expect(await failed(client().syncRefund({ refundNo: "bug" }))).toMatchObject({
      error: { code: Code.Internal, rawMessage: "internal error" },
      ...completed("Internal"),
    });
    expect(results[0].error?.cause).toMatchObject({ message: "a private detail" });
  });

  test("an error within a stream", async () => {
    const stream = client().watchRefund({})[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: { attempt: 1 } });
    expect(await failed(stream.next())).toMatchObject({ error: { code: Code.DataLoss }, ...completed("DataLoss") });
  });

  test("an error that calls share, without changing it", async () => {
    expect(await failed(client().syncRefund({ refundNo: "shutdown" }))).toMatchObject(completed("Unavailable"));
    expect(shutdown.details).toEqual([]);
  });
});

describe("createCalls({ completeError }) completes what no client of Connect sends:", () => {
  const headers = { "content-type": "application/json" };

  test("malformed JSON on HTTP/1.1", async () => {
    const { status, body } = await post("{", headers);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { code: "invalid_argument", details: [{ debug: { reason: "InvalidArgument" } }] },
    });
  });

  test.each([
    ["malformed JSON", {}, "{"],
    ["an unknown compression", { "content-encoding": "br2" }, "{}"],
    ["an invalid timeout", { "connect-timeout-ms": "soon" }, "{}"],
  ])("%s on HTTP/2", async (_what, extra, body) => {
    const response = await post2(body, { ...headers, ...extra });
    expect(response).toMatchObject({ details: [{ debug: { domain: RefundSyncService.typeName } }] });
    expect(results).toHaveLength(1);
  });
});

test("createCalls() leaves the shared reason of a shutdown unchanged when that ends a call before its interceptor", async () => {
  const slow = httpRequest(`${at.http}${METHOD}`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-length": "100" },
  });
  slow.on("error", () => {});
  slow.write("{");
  await expect.poll(() => started).toBe(1);
  forceStop.abort(shutdown);
  await expect.poll(() => results).toHaveLength(1);
  expect(shutdown.details).toEqual([]);
  slow.destroy();
});

async function post(body: string, headers: Record<string, string>) {
  const response = await fetch(at.http + METHOD, { method: "POST", headers, body });
  return { status: response.status, body: await response.json() };
}

function post2(body: string, headers: IncomingHttpHeaders): Promise<unknown> {
  const session = connect(at.grpc);
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ":path": METHOD, ...headers });
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => void chunks.push(chunk)).once("error", reject).once("end", () => {
      session.destroy();
      resolve(JSON.parse(Buffer.concat(chunks).toString()));
    });
    stream.end(body);
  });
}
