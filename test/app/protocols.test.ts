import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failureOf } from "../../src/client.ts";
import { RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { RefundSyncService } from "../../src/gen/daxpay/refundsync/v1/refund_sync_pb.ts";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.ts";
import { acceleratedClock, PROTOCOLS, startService } from "../support/service.ts";

let service: Awaited<ReturnType<typeof startService>>;
beforeAll(async () =>
  void (service = await startService({
    sandbox: { release: "2.0.8" },
    variables: { WATCH_SCHEDULE: "10s" },
    dependencies: acceleratedClock(50),
  }))
);
afterAll(() => service[Symbol.asyncDispose]());

describe.each(Object.entries(PROTOCOLS))("%s", (protocol, transport) => {
  const client = () => createClient(RefundSyncService, transport(service));

  test("a refund's state, whole", async () => {
    const { refund } = await client().syncRefund({ refundNo: "R-SUCCEEDS", bizRefundNo: "B-SUCCEEDS" });
    if (!refund?.replyTime) throw new Error("found no refund");
    expect(refund.status).toBe(RefundStatus.SUCCEEDED);
    expect(refund.daxpayStatus).toBe("refund_success");
    expect([refund.refundNo, refund.bizRefundNo]).toEqual(["R-SUCCEEDS", "B-SUCCEEDS"]);
    expect(refund.daxpayTraceId).toMatch(/^\w{12}$/);
    expect(Math.abs(timestampMs(refund.replyTime) - Date.now())).toBeLessThan(60_000);
    expect(refund.final).toBe(true);
  });

  test("a state that is not final says when to ask again", async () => {
    const { refund } = await client().syncRefund({ bizRefundNo: "B-WAITS" });
    expect(refund?.status).toBe(RefundStatus.IN_PROGRESS);
    expect(refund?.nextSyncDelay && durationMs(refund.nextSyncDelay)).toBe(10_000);
  });

  test("a failure with its details", async () => {
    const error = await client().syncRefund({ refundNo: "R-CHANNEL-ERROR" }).catch(ConnectError.from);
    if (!(error instanceof ConnectError)) throw new Error("found a refund, wanted a failure");
    expect(error.code).toBe(Code.Unavailable);
    const failure = failureOf(error);
    expect(failure).toMatchObject({
      reason: FailureReason.CHANNEL_FAILED,
      delivery: Delivery.ANSWERED,
      daxpayCode: 1,
      daxpayMessage: "系统繁忙，请稍后再试",
    });
    expect(failure?.retryDelay && durationMs(failure.retryDelay)).toBe(60_000);
    expect(error.findDetails(ErrorInfoSchema)).toMatchObject([{
      reason: "CHANNEL_FAILED",
      domain: "daxpay.refundsync.v1",
    }]);
    expect(error.findDetails(RetryInfoSchema)).toMatchObject([{ retryDelay: { seconds: 60n } }]);
  });

  const ip = "::ffff:300.1.1.1";
  const bad = [
    ["neither number", {}, "refund_no or biz_refund_no is required"],
    ["blank number", { refundNo: " " }, "refund_no"],
    ["refund_no too long", { refundNo: "R".repeat(33) }, "refund_no"],
    ["biz_refund_no too long", { bizRefundNo: "B".repeat(101) }, "biz_refund_no"],
    ["control character", { refundNo: "R\u0007" }, "refund_no"],
    ["ideographic space", { refundNo: "R1\u3000" }, "refund_no"],
    ["space at the end", { bizRefundNo: "B1 " }, "biz_refund_no"],
    ["zero width space", { bizRefundNo: "B\u200b1" }, "biz_refund_no"],
    ["client_ip that is none", { refundNo: "R", clientIp: "300.1.1.1" }, "client_ip"],
    ["client_ip too long", { refundNo: "R", clientIp: ip.repeat(8) }, "client_ip"],
    ["nonce_str too long", { refundNo: "R", nonceStr: "n".repeat(33) }, "nonce_str"],
  ] as const;
  test.each(bad)("bad request: %s", async (_, request, named) => {
    const heard = service.sandbox.requests.length;
    const error = ConnectError.from(await client().syncRefund(request).catch((error) => error));
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage).toContain(named);
    expect(error.details.map((detail) => "type" in detail && detail.type)).toContain("buf.validate.Violations");
    expect(service.sandbox.requests.length).toBe(heard);
  });

  test("a batch: each result with its index, bad items and failures among them", async () => {
    const refunds = [{ refundNo: "R-SUCCEEDS" }, { refundNo: "" }, { refundNo: "R-UNKNOWN" }, {
      refundNo: "R-SUCCEEDS",
    }];
    const seen = new Map<number, string>();
    for await (const { index, outcome } of client().batchSyncRefunds({ requests: refunds })) {
      const { case: kind, value } = outcome;
      seen.set(
        index,
        kind === "refund" ? value.daxpayStatus : `${FailureReason[value?.reason ?? 0]} ${value?.daxpayMessage}`,
      );
    }
    expect(Object.fromEntries(seen)).toEqual({
      0: "refund_success",
      1: "INVALID_REQUEST refund_no or biz_refund_no is required",
      2: "REFUND_NOT_FOUND 未查询到退款订单",
      3: "refund_success",
    });
  });

  test.each([[0], [1001]])("a batch of %d is refused", async (count) => {
    const refunds = Array.from({ length: count }, () => ({ refundNo: "R-SUCCEEDS" }));
    const read = async () => {
      for await (const _ of client().batchSyncRefunds({ requests: refunds })) throw new Error("found a result");
    };
    await expect(read()).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  test("a watch until the state is final", async () => {
    service.sandbox.reset();
    const seen: string[] = [];
    for await (
      const { attempt, outcome } of client().watchRefund({ refundNo: `WAIT2-${protocol.replaceAll(" ", "")}` })
    ) {
      seen.push(`${attempt} ${outcome.case === "refund" && outcome.value.daxpayStatus}`);
    }
    expect(seen).toEqual(["1 refund_progress", "2 refund_progress", "3 refund_success"]);
  });

  test("a watch that repeating will not help ends with the failure, after sending it", async () => {
    const seen: unknown[] = [];
    const read = async () => {
      for await (const { outcome } of client().watchRefund({ refundNo: "R-UNKNOWN" })) {
        seen.push(outcome.case === "failure" && outcome.value.reason);
      }
    };
    const error = ConnectError.from(await read().catch((error) => error));
    expect(seen).toEqual([FailureReason.REFUND_NOT_FOUND]);
    expect([error.code, failureOf(error)?.reason]).toEqual([Code.NotFound, FailureReason.REFUND_NOT_FOUND]);
  });

  test("a watch ends at the caller's deadline", async () => {
    const read = async () => {
      for await (const _ of client().watchRefund({ refundNo: "R-WAITS" }, { timeoutMs: 300 })) { /* goes on */ }
    };
    await expect(read()).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("health", async () => {
    const health = createClient(Health, transport(service));
    expect((await health.check({})).status).toBe(HealthCheckResponse_ServingStatus.SERVING);
    expect((await health.check({ service: RefundSyncService.typeName })).status).toBe(1);
    await expect(health.check({ service: "none" })).rejects.toMatchObject({ code: Code.NotFound });
    expect(Object.keys((await health.list({})).statuses)).toEqual(["", RefundSyncService.typeName]);
  });
});
