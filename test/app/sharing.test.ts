import { toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { createRefundClient } from "../../src/client.ts";
import { RefundSyncService, SyncRefundResponseSchema } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { outcomeOf } from "../support/outcome.ts";
import { PROTOCOLS, startService } from "../support/service.ts";

const syncsOf = ({ requests }: Sandbox) => requests.filter(({ endpoint }) => endpoint === "sync");

describe("syncRefund() shares one sync", () => {
  test("between 500 simultaneous calls for one refund over 50 connections", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8", latencyMs: 1_000 } });
    const protocols = [PROTOCOLS["Connect on HTTP/1.1"], PROTOCOLS.gRPC];
    const transports = Array.from({ length: 50 }, (_, index) => protocols[index % 2](service));
    const responses = await Promise.all(
      transports.flatMap((transport) =>
        Array.from({ length: 10 }, () => createClient(RefundSyncService, transport).syncRefund({ refundNo: "R-WAITS" }))
      ),
    );
    expect(syncsOf(service.sandbox)).toHaveLength(1);
    expect(responses).toHaveLength(500);
    expect(new Set(responses.map((response) => toJsonString(SyncRefundResponseSchema, response))).size).toBe(1);
  });

  test.each(
    [
      // Without a query nobody knows that both numbers name one refund, and 2.0.6 is never sent a nonce.
      ["2.0.6", { refundNo: 1, bizRefundNo: 1, otherRefund: 1 }],
      // A nonce of a caller's own asks for a sync of its own, one after the other.
      ["2.0.8", { refundNo: 2, bizRefundNo: 0, otherRefund: 1 }],
    ] as const,
  )("on %s where the request to DaxPay is the same", async (release, expected) => {
    await using service = await startService({ sandbox: { release } });
    const { client, sandbox } = service;
    for (const refundNo of ["R1", "R2"]) sandbox.addRefund({ refundNo, state: "PROCESSING" });
    // Before DaxPay takes the refund's lock.
    sandbox.setFault("slow", { endpoint: "sync", delayMs: 300 });
    await Promise.all([
      client.syncRefund({ refundNo: "R1" }),
      client.syncRefund({ refundNo: "R1", clientIp: "127.0.0.1" }),
      client.syncRefund({ refundNo: "R2" }),
      client.syncRefund({ bizRefundNo: "B-R1" }),
      client.syncRefund({ refundNo: "R1", nonceStr: "abc" }),
    ]);
    const syncs = syncsOf(sandbox).map(({ members }) => members);
    expect({
      refundNo: syncs.filter((members) => members?.refundNo === "R1").length,
      bizRefundNo: syncs.filter((members) => !members?.refundNo).length,
      otherRefund: syncs.filter((members) => members?.refundNo === "R2").length,
    }).toEqual(expected);
  });
});

describe("batchSyncRefunds()", () => {
  test("keeps to DAXPAY_CONCURRENCY, and a call made meanwhile does not wait for its end", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8", latencyMs: 5 },
      variables: { DAXPAY_CONCURRENCY: "8" },
    });
    const requests = Array.from({ length: 1000 }, (_, index) => {
      if (index % 20 === 7) return { refundNo: "" };
      return { refundNo: index % 20 === 13 ? `NONE-${index}` : `LOAD-${index}` };
    });
    const kinds = new Map<number, string | undefined>();
    let meanwhile: Promise<number> | undefined;
    for await (const { index, outcome } of service.client.batchSyncRefunds({ requests })) {
      kinds.set(index, outcome.case);
      meanwhile ??= service.client.syncRefund({ refundNo: "R-SUCCEEDS" }).then(() => kinds.size);
    }
    expect(kinds.size).toBe(1000);
    for (const [index, kind] of kinds) expect(kind).toBe([7, 13].includes(index % 20) ? "failure" : "refund");
    expect(service.sandbox.maxConcurrent).toBeLessThanOrEqual(8);
    expect(await meanwhile).toBeLessThan(1000);
  });

  test("syncs a refund once that it names often", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" }, variables: { DAXPAY_CONCURRENCY: "2" } });
    const requests = Array.from({ length: 100 }, (_, index) => ({ refundNo: `LOAD-${index % 5}` }));
    const results = await Array.fromAsync(service.client.batchSyncRefunds({ requests }));
    expect(results).toHaveLength(100);
    expect(syncsOf(service.sandbox)).toHaveLength(5);
  });

  test("stops when its reader stops reading", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8", latencyMs: 20 },
      variables: { DAXPAY_CONCURRENCY: "4" },
    });
    const requests = Array.from({ length: 1000 }, (_, index) => ({ refundNo: `LOAD-${index}` }));
    const client = createRefundClient({ transport: createGrpcTransport({ baseUrl: service.grpc }) });
    for await (const _ of client.batchSyncRefunds(requests)) break;
    await expect.poll(() => service.app.stats()).toMatchObject({ inFlight: 0, queueSize: 0 });
    expect(syncsOf(service.sandbox).length).toBeLessThan(100);
  });
});

describe("syncRefund() at its caller's deadline", () => {
  test("in the queue → resource_exhausted RATE_LIMITED NOT_SENT", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8" },
      variables: { DAXPAY_CONCURRENCY: "1" },
    });
    const { client, sandbox } = service;
    sandbox.setFault("slow", { refundNo: "LOAD-slow", endpoint: "sync", delayMs: 3_000 });
    const first = outcomeOf(client.syncRefund({ refundNo: "LOAD-slow" }));
    await expect.poll(() => syncsOf(sandbox).length).toBe(1);
    const impatient = outcomeOf(client.syncRefund({ refundNo: "LOAD-1" }, { timeoutMs: 1_500 }));
    const patient = outcomeOf(client.syncRefund({ refundNo: "LOAD-2" }));
    expect(await impatient).toMatchObject({
      code: "resource_exhausted",
      reason: "RATE_LIMITED",
      delivery: "NOT_SENT",
      retryDelayMs: expect.toSatisfy((ms: number) => ms >= 1_000),
    });
    expect(await Promise.all([first, patient])).toMatchObject([{ status: "SUCCEEDED" }, { status: "SUCCEEDED" }]);
    expect(syncsOf(sandbox)).toHaveLength(2);
  });

  test("in the query → deadline_exceeded UPSTREAM_TIMEOUT NOT_SENT", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    service.sandbox.setFault("hang", { endpoint: "query" });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "LOAD-1" }, { timeoutMs: 1_500 }))).toMatchObject({
      code: "deadline_exceeded",
      reason: "UPSTREAM_TIMEOUT",
      delivery: "NOT_SENT",
      step: "QUERY",
    });
    await expect.poll(() => service.app.stats().inFlight).toBe(0);
    expect(syncsOf(service.sandbox)).toEqual([]);
  });

  test("in the sync → deadline_exceeded UPSTREAM_TIMEOUT IN_DOUBT, and the sync goes on", async () => {
    await using service = await startService({ sandbox: { release: "2.0.8" } });
    const { client, sandbox } = service;
    sandbox.setFault("slow", { refundNo: "LOAD-1", endpoint: "sync", delayMs: 2_500 });
    expect(await outcomeOf(client.syncRefund({ refundNo: "LOAD-1" }, { timeoutMs: 1_500 }))).toMatchObject({
      code: "deadline_exceeded",
      reason: "UPSTREAM_TIMEOUT",
      delivery: "IN_DOUBT",
      step: "SYNC",
      retryDelayMs: 5_000,
    });
    expect(await outcomeOf(client.syncRefund({ refundNo: "LOAD-1" }))).toMatchObject({ status: "SUCCEEDED" });
    expect(syncsOf(sandbox)).toHaveLength(1);
  });

  test("of DAXPAY_TIMEOUT_MS, which bounds the wait for DaxPay whatever time the caller has", async () => {
    await using service = await startService({
      sandbox: { release: "2.0.8" },
      variables: { DAXPAY_TIMEOUT_MS: "700" },
    });
    expect(await outcomeOf(service.client.syncRefund({ refundNo: "FAULT-HANG" }))).toMatchObject({
      code: "deadline_exceeded",
      reason: "UPSTREAM_TIMEOUT",
      delivery: "IN_DOUBT",
      step: "SYNC",
      retryDelayMs: 5_000,
    });
  });
});
