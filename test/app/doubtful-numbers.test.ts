import { expect, test } from "vitest";
import { Delivery, FailureReason } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import { startService } from "../support/service.ts";

const EXPECTED = "expected a refund number, got";
const REJECTED = [
  ["1.23457E+20", `${EXPECTED} scientific notation, as of a number that a spreadsheet rounded`],
  ["1.23457E20", `${EXPECTED} scientific notation, as of a number that a spreadsheet rounded`],
  ["#N/A", `${EXPECTED} a spreadsheet error`],
  ['="00123"', `${EXPECTED} a spreadsheet formula`],
] as const;
const ASKED = ["123456789012345000000", "2026/1/3", "1E20", "3E00000000012345", "#123", "1.00", "合计"];

test("batchSyncRefunds() rejects numbers that a spreadsheet changed, and sends DaxPay all that may be numbers", async () => {
  await using service = await startService();
  const requests = [
    ...REJECTED.map(([refundNo]) => ({ refundNo })),
    ...REJECTED.map(([bizRefundNo]) => ({ bizRefundNo })),
    ...ASKED.map((refundNo) => ({ refundNo })),
    ...ASKED.map((bizRefundNo) => ({ bizRefundNo })),
  ];
  const failures: unknown[] = [];
  for await (const { index, outcome } of service.client.batchSyncRefunds({ requests })) {
    failures[index] = outcome.value;
  }
  const rejection = { reason: FailureReason.INVALID_REQUEST, delivery: Delivery.NOT_SENT };
  expect(failures).toMatchObject([
    ...REJECTED.map(([, description]) => ({ ...rejection, message: `refund_no: ${description}` })),
    ...REJECTED.map(([, description]) => ({ ...rejection, message: `biz_refund_no: ${description}` })),
    ...[...ASKED, ...ASKED].map(() => ({ reason: FailureReason.REFUND_NOT_FOUND })),
  ]);
});

test.each(["syncRefund", "watchRefund"] as const)("%s() rejects a number in scientific notation", async (method) => {
  await using service = await startService();
  const call = async () => {
    const result = service.client[method]({ refundNo: "1.23457E+20" });
    if (Symbol.asyncIterator in result) { for await (const _ of result); }
    return await result;
  };
  await expect(call()).rejects.toMatchObject({ rawMessage: `refund_no: ${REJECTED[0][1]}` });
  expect(service.sandbox.requests).toHaveLength(0);
});
