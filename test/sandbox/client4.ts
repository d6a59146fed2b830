import { createSign, createVerify } from "node:crypto";
import { DEVELOPMENT_KEYS } from "../../src/sandbox/keys.ts";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import { createDaxPayServer, type DaxPayServer } from "../../src/sandbox/server.ts";
import { post } from "./client.ts";

export const SYNC = "/unipay/sync/order/refund";
export const QUERY = "/unipay/query/refund-order";
export const PING = "/unipay/ping";

export const NOW = "2026-11-25 18:30:06";
export const REQ_ID = "0b6d3f6e-52f2-4a53-9b0c-2c8f3f5a7d11";
export const ACCOUNT = { mchNo: "M1745845174843", appId: "M8207639754663343" };

export type Request = Record<string, string | number | boolean | null>;
export type Server = ReturnType<typeof createServer4>;

/** A DaxPay of 4.0.0-beta whose clock stands at NOW in Beijing until `tick` moves it. */
export function createServer4(options: ServerOptions = {}) {
  let time = Date.parse(`${NOW.replace(" ", "T")}+08:00`);
  const server = createDaxPayServer({
    release: "4.0.0-beta",
    now: () => time,
    traceId: () => "t6h0RaYLoa8E",
    ...options,
  });
  return Object.assign(server, { release: "4.0.0-beta" as const, tick: (ms: number) => void (time += ms) });
}

/** What a client sends, unsigned. */
export function requestOf(members: Request): Request {
  return { ...ACCOUNT, reqId: REQ_ID, reqTime: NOW, nonceStr: "5c1d2e3f405162738495a6b7c8d9e0f1", ...members };
}

/** Signs by the rule of the official SDKs, without the sandbox's own signer. */
export function signed4(request: Request, text = textOf(request)): Request {
  return { ...request, sign: createSign("sha256").update(text).sign(DEVELOPMENT_KEYS.merchant.privateKey, "base64") };
}

export function textOf(request: Request): string {
  const names = Object.keys(request).filter((name) => request[name] !== null && name !== "sign").sort();
  return names.map((name) => `${name}=${request[name]}`).join("&");
}

/** Whether the platform signed the reply: `data` is its only nested member. */
export function verifies(body: string, publicKey = DEVELOPMENT_KEYS.platform.publicKey): boolean {
  const { data, sign, ...members } = JSON.parse(body);
  for (const [name, value] of Object.entries(data ?? {})) members[`data.${name}`] = value;
  return createVerify("sha256").update(textOf(members)).verify(publicKey, sign, "base64");
}

export interface Answer4 {
  readonly code: number;
  /** `msg` of a signed reply, `message` of another. */
  readonly text: string;
  readonly signed: boolean;
  readonly reqId?: string | null;
  readonly resTime?: string | null;
  readonly data: Record<string, unknown> | null;
}

/** Reads a reply; one that has a signature must verify. */
export function answerOf4(body: string): Answer4 {
  const { msg, message, sign, ...rest } = JSON.parse(body);
  if (typeof sign === "string" && !verifies(body)) throw new Error(`expected a valid signature, got ${body}`);
  return { ...rest, text: msg ?? message, signed: typeof sign === "string" };
}

/** Sends a request as it is. */
export async function send4(server: DaxPayServer, path: string, request: Request, headers?: Record<string, string>) {
  return await (await post({ ...server, release: "4.0.0-beta" }, path, JSON.stringify(request), headers)).text();
}

/** Signs a request with the given members, sends it and verifies the reply. */
export async function call4(
  server: DaxPayServer,
  path: string,
  members: Request,
  headers?: Record<string, string>,
): Promise<Answer4> {
  return answerOf4(await send4(server, path, signed4(requestOf(members)), headers));
}

export const sync4 = (server: DaxPayServer, refundNo: string) => call4(server, SYNC, { refundNo });
export const query4 = (server: DaxPayServer, refundNo: string) => call4(server, QUERY, { refundNo });
