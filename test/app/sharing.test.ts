import { toJsonString } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { createRefundClient } from "../../src/client.ts";
import { RefundSyncService, SyncRefundResponseSchema } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { PROTOCOLS, startService, summarize } from "../support/service.ts";

test("500 simultaneous calls for one refund over 50 connections are one request and 500 equal answers", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8", latencyMs: 1_000 } });
  const transports = Array.from({ length: 50 }, (_, index) => {
    const { http, grpc } = service;
    return index % 2 === 0
      ? createConnectTransport({ baseUrl: http, httpVersion: "1.1" })
      : PROTOCOLS.gRPC({ http, grpc });
  });
  const answers = await Promise.all(
    transports.flatMap((transport) =>
      Array.from({ length: 10 }, () => createClient(RefundSyncService, transport).syncRefund({ refundNo: "R-WAITS" }))
    ),
  );
  expect(service.sandbox.requests.length).toBe(1);
  expect(new Set(answers.map((answer) => toJsonString(SyncRefundResponseSchema, answer))).size).toBe(1);
  expect(answers.length).toBe(500);
});

test("what makes the request to DaxPay another one is not shared", async () => {
  await using service = await startService({ sandbox: { release: "2.0.6" } });
  const { client, sandbox } = service;
  const ask = (query: Parameters<typeof client.syncRefund>[0]) => summarize(client.syncRefund(query));
  sandbox.setFault("slow", { delayMs: 300 });
  await Promise.all([
    ask({ refundNo: "LOAD-1" }),
    ask({ refundNo: "LOAD-2" }),
    ask({ bizRefundNo: "LOAD-1" }),
    ask({ refundNo: "LOAD-1", clientIp: "127.0.0.1" }),
    // 2.0.6 never sees a nonce.
    ask({ refundNo: "LOAD-1", nonceStr: "abc" }),
  ]);
  expect(sandbox.requests.length).toBe(4);
});

test("a batch of 1000 with 100 bad items, within the budget, and a call made meanwhile", async () => {
  await using service = await startService({
    sandbox: { release: "2.0.8", latencyMs: 5 },
    variables: { DAXPAY_CONCURRENCY: "8" },
  });
  const refunds = Array.from({ length: 1000 }, (_, index) => {
    if (index % 20 === 7) return { refundNo: "" };
    return { refundNo: index % 20 === 13 ? `NONE-${index}` : `LOAD-${index}` };
  });
  const seen = new Map<number, string>();
  let meanwhile: Promise<number> | undefined;
  for await (const { index, outcome } of service.client.batchSyncRefunds({ requests: refunds })) {
    seen.set(index, outcome.case ?? "nothing");
    meanwhile ??= service.client.syncRefund({ refundNo: "R-SUCCEEDS" }).then(() => seen.size);
  }
  expect(seen.size).toBe(1000);
  const failures = [...seen].filter(([, kind]) => kind === "failure").map(([index]) => index % 20);
  expect([failures.length, new Set(failures)]).toEqual([100, new Set([7, 13])]);
  expect(service.sandbox.maxConcurrent).toBeLessThanOrEqual(8);
  expect(await meanwhile).toBeLessThan(1000);
});

test("the same refund named often in a batch is asked for once", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, variables: { DAXPAY_CONCURRENCY: "2" } });
  const refunds = Array.from({ length: 100 }, (_, index) => ({ refundNo: `LOAD-${index % 5}` }));
  let results = 0;
  for await (const _ of service.client.batchSyncRefunds({ requests: refunds })) results++;
  expect([results, service.sandbox.requests.length]).toEqual([100, 5]);
});

test("a reader that stops reading stops the batch", async () => {
  await using service = await startService({
    sandbox: { release: "2.0.8", latencyMs: 20 },
    variables: { DAXPAY_CONCURRENCY: "4" },
  });
  const refunds = Array.from({ length: 1000 }, (_, index) => ({ refundNo: `LOAD-${index}` }));
  const client = createRefundClient({ transport: createGrpcTransport({ baseUrl: service.grpc }) });
  for await (const _ of client.batchSyncRefunds(refunds)) break;
  await expect.poll(() => service.app.stats().inFlight).toBe(0);
  expect(service.sandbox.requests.length).toBeLessThan(100);
});

test("work waits in line as long as its deadline allows", async () => {
  await using service = await startService({
    sandbox: { release: "2.0.8" },
    variables: { DAXPAY_CONCURRENCY: "1" },
  });
  const { client, sandbox } = service;
  sandbox.setFault("slow", { refundNo: "LOAD-slow", delayMs: 1500 });
  const first = summarize(client.syncRefund({ refundNo: "LOAD-slow" }));
  await expect.poll(() => sandbox.requests.length).toBe(1);
  const impatient = summarize(client.syncRefund({ refundNo: "LOAD-1" }, { timeoutMs: 500 }));
  const patient = summarize(client.syncRefund({ refundNo: "LOAD-2" }));
  expect(await impatient).toMatch(/^resource_exhausted RATE_LIMITED NOT_SENT [1-9]\d*$/);
  expect(await Promise.all([first, patient])).toEqual(["SUCCEEDED refund_success", "SUCCEEDED refund_success"]);
  expect(sandbox.requests.length).toBe(2);
});

test("a call whose deadline passes at DaxPay says that DaxPay may have heard it", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" } });
  expect(await summarize(service.client.syncRefund({ refundNo: "FAULT-HANG" }, { timeoutMs: 600 })))
    .toBe("deadline_exceeded UPSTREAM_TIMEOUT IN_DOUBT 5000");
  await expect.poll(() => service.app.stats().inFlight).toBe(0);
});

test("DAXPAY_TIMEOUT_MS bounds the wait for DaxPay, whatever the caller's deadline", async () => {
  await using service = await startService({ sandbox: { release: "2.0.8" }, variables: { DAXPAY_TIMEOUT_MS: "300" } });
  expect(await summarize(service.client.syncRefund({ refundNo: "FAULT-HANG" })))
    .toBe("deadline_exceeded UPSTREAM_TIMEOUT IN_DOUBT 5000");
});
