import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { csvFrom } from "../../src/console/batch/csv.ts";
import type { Row } from "../../src/console/batch/run.ts";
import { RefundSchema, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason, SyncFailureSchema } from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";

function row(number: string, outcome?: Row["outcome"]): Row {
  return { index: 0, refundRef: { kind: "bizRefundNo", number }, outcome };
}

describe("the CSV of a batch", () => {
  test("has a row per refund, answered or not", () => {
    const refund = create(RefundSchema, {
      refundNo: "R1",
      bizRefundNo: "B1",
      status: RefundStatus.SUCCEEDED,
      daxpayStatus: "refund_success",
      replyTime: { seconds: 1715345296n },
      daxpayTraceId: "T1",
    });
    const failure = create(SyncFailureSchema, {
      reason: FailureReason.CHANNEL_FAILED,
      delivery: Delivery.ANSWERED,
      daxpayCode: 20045,
      daxpayMessage: "失败, 请稍后",
      retryDelay: { seconds: 60n },
    });
    const csv = csvFrom([
      row("B1", { case: "refund", value: refund }),
      row("B2", { case: "failure", value: failure }),
      row("B3", { case: "error", error: new ConnectError("gone", Code.Unavailable) }),
      row("B4"),
    ]);
    expect(csv).toBe(
      "\ufeffrefund_no,biz_refund_no,status,daxpay_status,reply_time,trace_id,failure_reason,delivery,daxpay_code," +
        "daxpay_message,retry_after_seconds\r\n" +
        "R1,B1,SUCCEEDED,refund_success,2024-05-10T12:48:16.000Z,T1,,,,,\r\n" +
        ',B2,,,,,CHANNEL_FAILED,ANSWERED,20045,"失败, 请稍后",60\r\n' +
        ",B3,,,,,Unavailable,,,,\r\n" +
        ",B4,,,,,,,,,\r\n",
    );
  });

  test.each(["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", '=1,"2"'])("makes no formula of %j", (number) => {
    const cell = csvFrom([row(number)]).split("\r\n,")[1];
    expect(cell.startsWith(`"'`)).toBe(true);
  });
});
