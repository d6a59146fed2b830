import { RefundSyncService } from "../gen/daxpay/refundsync/v1/refund_sync_pb.ts";

export interface Call {
  readonly method: "SyncRefund" | "WatchRefund" | "BatchSyncRefunds";
  readonly request: unknown;
}

export interface CommandOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  /** Whether to send a token; the command reads it from $TOKEN. */
  readonly token: boolean;
}

/** A bash command that makes the call over the gRPC port; buf reads the schema by reflection. */
export function bufCurl(call: Call, { baseUrl, token }: CommandOptions): string {
  return joinArguments([
    "buf curl",
    ...tokenHeader(token),
    `--data ${quoted(jsonOf(call.request))}`,
    quoted(url(baseUrl, call)),
  ]);
}

/** A bash command that makes a unary call with curl alone. */
export function curl(call: Call, { baseUrl, token }: CommandOptions): string {
  return joinArguments([
    "curl",
    "--header 'Content-Type: application/json'",
    ...tokenHeader(token),
    `--data ${quoted(jsonOf(call.request))}`,
    quoted(url(baseUrl, call)),
  ]);
}

function url(baseUrl: string, { method }: Call): string {
  return `${baseUrl}/${RefundSyncService.typeName}/${method}`;
}

function tokenHeader(token: boolean): string[] {
  return token ? ['--header "Authorization: Bearer $TOKEN"'] : [];
}

function joinArguments(parts: readonly string[]): string {
  return parts.join(" \\\n  ");
}

/** Single quotes make bash take everything literally, except a single quote. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** JSON with invisible characters escaped, so that they cannot make the command look like another one. */
function jsonOf(request: unknown): string {
  return JSON.stringify(request).replace(
    /[\u007f-\u00a0\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => [...Array(character.length).keys()].map((at) => escaped(character.charCodeAt(at))).join(""),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
