import { expect, test } from "vitest";
import { Binding, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { startService } from "../support/service.ts";

test("syncRefund() on 4.0.0-beta returns a final state that is bound to the request", async () => {
  await using service = await startService({ sandbox: { release: "4.0.0-beta", enforceNonce: true } });
  const { refund } = await service.client.syncRefund({ refundNo: "R-SUCCEEDS" });
  expect(refund).toMatchObject({
    refundNo: "R-SUCCEEDS",
    status: RefundStatus.SUCCEEDED,
    final: true,
    binding: Binding.REQUEST,
    daxpayTraceId: expect.stringMatching(/^\w+$/),
  });
  expect(service.sandbox.requests.map(({ endpoint }) => endpoint)).toEqual(["sync"]);
});
