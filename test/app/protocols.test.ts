import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Binding, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { RefundTrackingService } from "../../src/gen/daxpay/refundsync/v1/refund_tracking_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { errorOf, errorOutcome, resultOutcome } from "../support/outcome.ts";
import { acceleratedClock, PROTOCOLS, type Service, startService } from "../support/service.ts";

let service: Service;
beforeAll(async () =>
  void (service = await startService({
    sandbox: { release: "2.0.8" },
    variables: { WATCH_SCHEDULE: "10s" },
    dependencies: acceleratedClock(50),
  }))
);
afterAll(() => service[Symbol.asyncDispose]());

describe.each(Object.entries(PROTOCOLS))("RefundSyncService over %s", (protocol, transport) => {
  const client = () => createClient(RefundSyncService, transport(service));
  /** A refund of this protocol's own. */
  const numberOf = (family: string) => `${family}-${protocol.replaceAll(" ", "")}`;

  test("syncRefund() returns a final state with every field that the query fills", async () => {
    const before = Date.now() - 60_000;
    const { refund } = await client().syncRefund({ refundNo: "R-SUCCEEDS", bizRefundNo: "B-SUCCEEDS" });
    expect(refund).toMatchObject({
      refundNo: "R-SUCCEEDS",
      bizRefundNo: "B-SUCCEEDS",
      status: RefundStatus.SUCCEEDED,
      daxpayStatus: "success",
      daxpayTraceId: expect.stringMatching(/^\w{12}$/),
      final: true,
      account: "default",
      binding: Binding.REFUND,
      orderNo: expect.stringMatching(/\S/),
      channel: "wechat_pay",
      amountFen: expect.any(BigInt),
    });
    expect(refund?.nextSyncDelay).toBeUndefined();
    expect(refund?.replyTime && timestampMs(refund.replyTime)).toBeGreaterThan(before);
    expect(refund?.finishTime && timestampMs(refund.finishTime)).toBeGreaterThan(0);
  });

  test("syncRefund() returns a state that is not final with the delay until the next sync", async () => {
    const { refund } = await client().syncRefund({ bizRefundNo: "B-WAITS" });
    expect(refund).toMatchObject({
      status: RefundStatus.IN_PROGRESS,
      final: false,
      nextSyncDelay: { seconds: 10n },
    });
  });

  test("batchSyncRefunds() returns every result with its index, failures among them", async () => {
    const refundNo = numberOf("LOAD");
    const requests = [{ refundNo }, { refundNo: "" }, { refundNo: "R-UNKNOWN" }, { refundNo }];
    const results = await Array.fromAsync(client().batchSyncRefunds({ requests }));
    expect(Object.fromEntries(results.map((result) => [result.index, resultOutcome(result)]))).toMatchObject({
      0: { status: "SUCCEEDED", final: true },
      1: { code: "invalid_argument", reason: "INVALID_REQUEST", delivery: "NOT_SENT", step: undefined },
      2: { code: "not_found", reason: "REFUND_NOT_FOUND", delivery: "NOT_SENT", step: "QUERY" },
      3: { status: "SUCCEEDED", final: true },
    });
  });

  test("watchRefund() returns every attempt and ends with the final state", async () => {
    const attempts = await Array.fromAsync(client().watchRefund({ refundNo: numberOf("WAIT2") }));
    expect(attempts.map((each) => ({ attempt: each.attempt, ...resultOutcome(each) }))).toMatchObject([
      { attempt: 1, status: "IN_PROGRESS", final: false },
      { attempt: 2, status: "IN_PROGRESS", final: false },
      { attempt: 3, status: "SUCCEEDED", final: true },
    ]);
  });

  test("watchRefund() sends a failure that is not retryable as an outcome and ends with it", async () => {
    const watch = client().watchRefund({ refundNo: "R-UNKNOWN" })[Symbol.asyncIterator]();
    const notFound = { code: "not_found", reason: "REFUND_NOT_FOUND", delivery: "NOT_SENT", retryDelayMs: undefined };
    expect(resultOutcome((await watch.next()).value)).toMatchObject(notFound);
    expect(errorOutcome(await errorOf(watch.next()))).toMatchObject(notFound);
  });

  test("watchRefund() ends with deadline_exceeded at the caller's deadline", async () => {
    const watch = Array.fromAsync(client().watchRefund({ refundNo: "R-WAITS" }, { timeoutMs: 300 }));
    await expect(watch).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("health reports both services as serving", async () => {
    const health = createClient(Health, transport(service));
    for (const name of ["", RefundSyncService.typeName]) {
      expect(await health.check({ service: name })).toMatchObject({ status: ServingStatus.SERVING });
    }
    await expect(health.check({ service: "none" })).rejects.toMatchObject({ code: Code.NotFound });
    expect((await health.list({})).statuses).toMatchObject({
      "": { status: ServingStatus.SERVING },
      [RefundSyncService.typeName]: { status: ServingStatus.SERVING },
      [RefundTrackingService.typeName]: { status: ServingStatus.SERVING },
    });
  });
});
