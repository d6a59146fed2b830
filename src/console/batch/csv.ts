import { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { RefundStatus } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { Delivery, FailureReason } from "../../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Row } from "./run.ts";

const COLUMNS = [
  "refund_no",
  "biz_refund_no",
  "status",
  "daxpay_status",
  "reply_time",
  "trace_id",
  "failure_reason",
  "delivery",
  "daxpay_code",
  "daxpay_message",
  "retry_after_seconds",
] as const;

type Cells = Partial<Record<typeof COLUMNS[number], string>>;

/** The results as CSV (RFC 4180) with a byte order mark, without which spreadsheets misread Chinese. */
export function csvFrom(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const cells = cellsOf(row);
    return COLUMNS.map((column) => cell(cells[column] ?? ""));
  });
  return `\ufeff${[COLUMNS, ...lines].map((line) => line.join(",")).join("\r\n")}\r\n`;
}

function cellsOf({ named, outcome }: Row): Cells {
  const asked: Cells = named.kind === "refundNo" ? { refund_no: named.number } : { biz_refund_no: named.number };
  if (!outcome) return asked;
  if (outcome.case === "error") return { ...asked, failure_reason: Code[outcome.error.code] };
  if (outcome.case === "refund") {
    const { refundNo, bizRefundNo, status, daxpayStatus, replyTime, daxpayTraceId } = outcome.value;
    return {
      refund_no: refundNo,
      biz_refund_no: bizRefundNo,
      status: RefundStatus[status] ?? String(status),
      daxpay_status: daxpayStatus,
      reply_time: replyTime && timestampDate(replyTime).toISOString(),
      trace_id: daxpayTraceId,
    };
  }
  const { reason, delivery, daxpayCode, daxpayMessage, daxpayTraceId, retryDelay } = outcome.value;
  return {
    ...asked,
    failure_reason: FailureReason[reason] ?? String(reason),
    delivery: Delivery[delivery] ?? String(delivery),
    daxpay_code: daxpayCode?.toString(),
    daxpay_message: daxpayMessage,
    trace_id: daxpayTraceId,
    retry_after_seconds: retryDelay && String(durationMs(retryDelay) / 1000),
  };
}

/** Spreadsheets run what begins with =, +, -, @, tab or return as a formula (OWASP, CSV injection). */
function cell(text: string): string {
  const harmless = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) || harmless !== text ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
