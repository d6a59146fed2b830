import { createHash, createHmac } from "node:crypto";
import type { SandboxOptions, ServerOptions } from "../../src/sandbox/options.ts";
import type { EndpointKind } from "../../src/sandbox/endpoint.ts";
import { type ReleaseName, RELEASES } from "../../src/sandbox/release.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";
import { createDaxPayServer, type DaxPayServer } from "../../src/sandbox/server.ts";

export const V2 = ["documented", "2.0.6", "2.0.7", "2.0.8"] as const satisfies readonly ReleaseName[];
export const V3 = ["3.0.0-beta4", "3.0.0"] as const satisfies readonly ReleaseName[];
/** The releases that sign with a shared secret. */
export type DigestRelease = Exclude<ReleaseName, "4.0.0-beta">;
export const ALL: readonly DigestRelease[] = [...V2, ...V3];

/** Time and trace id of the vectors: 2.x's resTime is 1715576198, 3.x's 2025-08-26 12:00:01. */
const TIME_2 = 1715576198_000;
const TIME_3 = Date.parse("2025-08-26T12:00:01+08:00");
export const TRACE = "t6h0RaYLoa8E";

export const isV3 = (release: ReleaseName) => (V3 as readonly string[]).includes(release);
export const hmac = (text: string, secret = "123456") => createHmac("sha256", secret).update(text).digest("hex");
export const md5 = (text: string) => createHash("md5").update(text).digest("hex");

export function pathOf(release: ReleaseName, kind: EndpointKind = "sync"): string {
  const path = Object.entries(RELEASES[release].endpoints).find(([, endpoint]) => endpoint.kind === kind)?.[0];
  if (path === undefined) throw new Error(`expected release ${release} to have an endpoint for ${kind}, got none`);
  return path;
}

/** A clock that stands where the vectors were made until `tick` moves it. */
function standingClock(release: ReleaseName) {
  let time = isV3(release) ? TIME_3 : TIME_2;
  return { now: () => time, tick: (ms: number) => void (time += ms) };
}

/** A sandbox on a socket. */
export async function startSandbox(release: ReleaseName, options: SandboxOptions = {}) {
  const { now, tick } = standingClock(release);
  const sandbox = await createSandbox({ release, now, traceId: () => TRACE, ...options });
  return Object.assign(sandbox, { release, tick });
}

/** A DaxPay without a socket. */
export function createServer(release: ReleaseName, options: ServerOptions = {}) {
  const { now, tick } = standingClock(release);
  return Object.assign(createDaxPayServer({ release, now, traceId: () => TRACE, ...options }), { release, tick });
}

export type Started = Awaited<ReturnType<typeof startSandbox>>;
export type Server = ReturnType<typeof createServer>;
export type Target = (Sandbox | DaxPayServer) & { readonly release: ReleaseName };
export type Members = Record<string, string | number | null>;

/** Sends a body to a path. */
export function post(target: Target, path: string, body: string, headers: Record<string, string> = {}) {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body } as const;
  return "url" in target
    ? fetch(target.url + path, { ...init, redirect: "manual", headers: { connection: "close", ...init.headers } })
    : target.fetch(new Request(`http://daxpay${path}`, init));
}

/** What a client of the release sends, unsigned. */
export function unsignedRequest(release: ReleaseName, members: Members): Members {
  if (release === "3.0.0-beta4") {
    return { appId: "M8207639754663343", reqTime: "2025-08-26 12:00:00", ...members };
  }
  if (release === "3.0.0") {
    return { appId: "M8207639754663343", mchNo: "M1745845174843", reqTime: "2025-08-26 12:00:00", ...members };
  }
  return { reqTime: 1715576198, ...members };
}

/** Signs by the rule as it is documented, without the sandbox's own signer. */
export function signed(release: ReleaseName, members: Members, digest: (text: string) => string = hmac): Members {
  const names = Object.keys(members).filter((name) => members[name] !== null).sort();
  const text = [...names.map((name) => `${name}=${members[name]}`), "key=123456"].join("&");
  return { ...members, sign: digest(release === "3.0.0" ? text.toUpperCase() : text) };
}

/** Sends a signed request and returns the reply's text. */
export async function send(target: Target, members: Members | string, kind: EndpointKind = "sync"): Promise<string> {
  const { release } = target;
  const named = typeof members === "string" ? { refundNo: members } : members;
  const body = JSON.stringify(signed(release, unsignedRequest(release, named)));
  return await (await post(target, pathOf(release, kind), body)).text();
}

/** What a reply says: of 2.x's signed failures the code and text in `data`. */
export interface Answer {
  readonly code: number;
  readonly text: string | null;
  readonly signed: boolean;
  readonly status?: string;
  readonly adjust?: boolean;
}

export function answerOf(text: string): Answer {
  const { code, msg, data, sign } = JSON.parse(text);
  const signed = Boolean(sign ?? data?.sign);
  if (code === 0 && data.code) return { code: data.code, text: data.msg, signed };
  if (code !== 0) return { code, text: msg, signed };
  return { code: 0, text: null, signed, status: data.status ?? data.orderStatus, adjust: data.adjust };
}

/** Sends a signed sync. */
export async function sync(target: Target, members: Members | string): Promise<Answer> {
  return answerOf(await send(target, members));
}

/** Sends a signed query. */
export async function query(target: Target, members: Members | string): Promise<Answer> {
  return answerOf(await send(target, members, "query"));
}
