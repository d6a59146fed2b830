import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { csvFrom } from "../../src/console/batch/csv.ts";
import { listFrom } from "../../src/console/batch/list.ts";
import type { Row } from "../../src/console/batch/row.ts";
import { Binding, RefundSchema, RefundStatus } from "../../src/gen/daxpay/refundsync/v1/refund_pb.ts";
import {
  Delivery,
  FailureReason,
  Step,
  SyncFailureSchema,
} from "../../src/gen/daxpay/refundsync/v1/sync_failure_pb.ts";

function row(number: string, outcome?: Row["outcome"]): Row {
  return { index: 0, refundRef: { kind: "bizRefundNo", number }, outcome };
}

/** The only row's cells by column, without the empty ones. */
function cellsOf(outcome?: Row["outcome"]): Record<string, string> {
  const { header = [], rows: [first] } = listFrom(csvFrom([row("B1", outcome)]));
  return Object.fromEntries(header.map((name, at) => [name, first.cells[at]]).filter(([, cell]) => cell !== ""));
}

describe("csvFrom()", () => {
  test("has the contract's fields of a refund", () => {
    const value = create(RefundSchema, {
      refundNo: "R1",
      bizRefundNo: "B1",
      status: RefundStatus.FAILED,
      daxpayStatus: "fail",
      replyTime: { seconds: 1715345296n },
      daxpayTraceId: "T1",
      nextSyncDelay: { seconds: 30n },
      binding: Binding.REFUND,
      orderNo: "P1",
      channel: "ali_pay",
      amountFen: 9007199254740993n,
      finishTime: { seconds: 1715345290n },
      errorMessage: "余额不足, 请充值",
      unchangedSince: { seconds: 1715345200n },
      account: "shop",
    });
    expect(cellsOf({ case: "refund", value })).toEqual({
      refund_no: "R1",
      biz_refund_no: "B1",
      status: "FAILED",
      daxpay_status: "fail",
      reply_time: "2024-05-10T12:48:16Z",
      daxpay_trace_id: "T1",
      final: "false",
      next_sync_delay: "30s",
      account: "shop",
      binding: "REFUND",
      order_no: "P1",
      channel: "ali_pay",
      amount_fen: "9007199254740993",
      finish_time: "2024-05-10T12:48:10Z",
      error_message: "余额不足, 请充值",
      unchanged_since: "2024-05-10T12:46:40Z",
    });
  });

  test("has the contract's fields of a failure", () => {
    const value = create(SyncFailureSchema, {
      reason: FailureReason.CHANNEL_FAILED,
      delivery: Delivery.ANSWERED,
      step: Step.SYNC,
      code: Code.Unavailable,
      message: "the channel failed",
      daxpayCode: 20045,
      daxpayMessage: '失败, "请稍后"',
      retryable: true,
      retryDelay: { seconds: 60n },
    });
    expect(cellsOf({ case: "failure", value })).toEqual({
      biz_refund_no: "B1",
      reason: "CHANNEL_FAILED",
      delivery: "ANSWERED",
      step: "SYNC",
      code: "14",
      message: "the channel failed",
      daxpay_code: "20045",
      daxpay_message: '失败, "请稍后"',
      retryable: "true",
      retry_delay: "60s",
    });
  });

  test("has the code and message of an error, and only the number without an outcome", () => {
    const error = new ConnectError("gone", Code.Unavailable);
    expect(cellsOf({ case: "error", error })).toEqual({ biz_refund_no: "B1", code: "14", message: "gone" });
    expect(cellsOf()).toEqual({ biz_refund_no: "B1" });
  });

  test("keeps a status that this page does not know", () => {
    const value = create(RefundSchema, { refundNo: "R1", status: 99 as RefundStatus });
    expect(cellsOf({ case: "refund", value })).toMatchObject({ refund_no: "R1", status: "99" });
  });

  test.each(["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", '=1,"2"'])("makes no formula of %j", (number) => {
    expect(csvFrom([row(number)]).split("\r\n,")[1]).toMatch(/^"'/);
  });
});
