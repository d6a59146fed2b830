import { type DescMessage, type JsonObject, type MessageShape, toJson } from "@bufbuild/protobuf";
import { RefundSchema } from "../../gen/daxpay/refundsync/v1/refund_pb.ts";
import { SyncFailureSchema } from "../../gen/daxpay/refundsync/v1/sync_failure_pb.ts";
import type { Row } from "./row.ts";

/** The field names of both messages, which share some. */
const COLUMNS: readonly string[] = [...new Set([...namesIn(RefundSchema), ...namesIn(SyncFailureSchema)])]
  // Never set for a sync.
  .filter((name) => name !== "oldest_cursor");

type Cells = Readonly<Record<string, string>>;

/**
 * The results as CSV (RFC 4180) with a byte order mark, without which spreadsheets misread Chinese. Columns and values
 * are those of the contract's JSON; enum values are without their prefix.
 */
export function csvFrom(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const cells = cellsOf(row);
    return COLUMNS.map((column) => escaped(cells[column] ?? ""));
  });
  return `\ufeff${[COLUMNS, ...lines].map((line) => line.join(",")).join("\r\n")}\r\n`;
}

function cellsOf({ refundRef, outcome }: Row): Cells {
  const numbers: Cells = { [refundRef.kind === "refundNo" ? "refund_no" : "biz_refund_no"]: refundRef.number };
  switch (outcome?.case) {
    case "refund":
      return { ...numbers, ...cellsFrom(RefundSchema, outcome.value) };
    case "failure":
      return { ...numbers, ...cellsFrom(SyncFailureSchema, outcome.value) };
    case "error":
      return { ...numbers, code: String(outcome.error.code), message: outcome.error.rawMessage };
    default:
      return numbers;
  }
}

function cellsFrom<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Cells {
  const json = toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;
  const cells: Record<string, string> = {};
  for (const field of schema.fields) {
    const text = String(json[field.name] ?? "");
    const prefix = field.enum?.sharedPrefix?.toUpperCase() ?? "";
    const value = text.startsWith(prefix) ? text.slice(prefix.length) : text;
    cells[field.name] = field.enum && value === "UNSPECIFIED" ? "" : value;
  }
  return cells;
}

function namesIn(schema: DescMessage): string[] {
  return schema.fields.map((field) => field.name);
}

/** Spreadsheets run text that starts with =, +, -, @, tab or return as a formula (OWASP, CSV injection). */
function escaped(text: string): string {
  const harmless = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) || harmless !== text ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
