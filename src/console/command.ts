import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";

export interface Call {
  readonly method: "SyncRefund" | "WatchRefund" | "BatchSyncRefunds";
  readonly request: unknown;
}

export interface CommandOptions {
  /** Base address that the command calls, without a slash at its end. */
  readonly base: string;
  /** Whether calls need a token; it is named as $TOKEN and never shown. */
  readonly token: boolean;
}

/** A line for bash that makes the call over gRPC's port; buf learns the schema by reflection. */
export function bufCurl(call: Call, { base, token }: CommandOptions): string {
  return line(["buf curl", ...tokenHeader(token), `--data ${quoted(jsonOf(call.request))}`, quoted(url(base, call))]);
}

/** A line for bash that makes a unary call with nothing but curl. */
export function curl(call: Call, { base, token }: CommandOptions): string {
  return line([
    "curl",
    "--header 'Content-Type: application/json'",
    ...tokenHeader(token),
    `--data ${quoted(jsonOf(call.request))}`,
    quoted(url(base, call)),
  ]);
}

function url(base: string, { method }: Call): string {
  return `${base}/${RefundSyncService.typeName}/${method}`;
}

function tokenHeader(token: boolean): string[] {
  return token ? ['--header "Authorization: Bearer $TOKEN"'] : [];
}

function line(parts: readonly string[]): string {
  return parts.join(" \\\n  ");
}

/** Single quotes make bash take everything as it stands, except a single quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * JSON in which nothing is invisible: a number that holds control or direction characters cannot make the line look
 * like another one.
 */
function jsonOf(request: unknown): string {
  return JSON.stringify(request).replace(
    /[\u007f-\u00a0\p{Cf}\p{Zl}\p{Zp}]/gu,
    (found) => [...Array(found.length).keys()].map((at) => escaped(found.charCodeAt(at))).join(""),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
