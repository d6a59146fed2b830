import { createHash, createHmac } from "node:crypto";
import type { SandboxOptions } from "../../src/sandbox/options.ts";
import { type ReleaseName, RELEASES } from "../../src/sandbox/release.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/sandbox.ts";

export const V2 = ["documented", "2.0.6", "2.0.7", "2.0.8"] as const satisfies readonly ReleaseName[];
export const V3 = ["3.0.0-beta4", "3.0.0"] as const satisfies readonly ReleaseName[];
export const ALL: readonly ReleaseName[] = [...V2, ...V3];

/** The server's time and trace of the vectors: 2.x's resTime is 1715576198, 3.x's 2025-08-26 12:00:01. */
export const TIME_2 = 1715576198_000;
export const TIME_3 = Date.parse("2025-08-26T12:00:01+08:00");
export const TRACE = "t6h0RaYLoa8E";

export const isV3 = (release: ReleaseName) => (V3 as readonly string[]).includes(release);
export const pathOf = (release: ReleaseName) => Object.keys(RELEASES[release].paths)[0];
export const hmac = (text: string) => createHmac("sha256", "123456").update(text).digest("hex");
export const md5 = (text: string) => createHash("md5").update(text).digest("hex");

/** A sandbox whose clock stands where the vectors were made; `tick` moves it. */
export async function start(release: ReleaseName, options: SandboxOptions = {}) {
  let time = isV3(release) ? TIME_3 : TIME_2;
  const sandbox = await createSandbox({ release, now: () => time, traceId: () => TRACE, ...options });
  return Object.assign(sandbox, { release, tick: (ms: number) => void (time += ms) });
}

export type Started = Awaited<ReturnType<typeof start>>;
export type Request = Record<string, string | number | null>;

/** What a client of the release sends, unsigned. */
export function plain(release: ReleaseName, members: Request): Request {
  if (release === "3.0.0-beta4") {
    return { appId: "M8207639754663343", reqTime: "2025-08-26 12:00:00", ...members };
  }
  if (release === "3.0.0") {
    return { appId: "M8207639754663343", mchNo: "M1745845174843", reqTime: "2025-08-26 12:00:00", ...members };
  }
  return { reqTime: 1715576198, ...members };
}

/** Signs by the rule as it is written down, without the sandbox's own signer. */
export function signed(release: ReleaseName, members: Request): Request {
  const names = Object.keys(members).filter((name) => members[name] !== null).sort();
  const text = [...names.map((name) => `${name}=${members[name]}`), "key=123456"].join("&");
  return { ...members, sign: hmac(release === "3.0.0" ? text.toUpperCase() : text) };
}

export function post(sandbox: Sandbox, path: string, body: string, headers: Record<string, string> = {}) {
  return fetch(sandbox.url + path, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/json", connection: "close", ...headers },
    body,
  });
}

/** Sends a well-signed request and returns the reply's text. */
export async function ask(sandbox: Started, members: Request | string): Promise<string> {
  const { release } = sandbox;
  const wanted = typeof members === "string" ? { refundNo: members } : members;
  const reply = await post(sandbox, pathOf(release), JSON.stringify(signed(release, plain(release, wanted))));
  return await reply.text();
}

/** What a reply says, in short: `0 refund_success`, `10007 text`, `1 text`. */
export async function gist(sandbox: Started, members: Request | string): Promise<string> {
  const { code, msg, data } = JSON.parse(await ask(sandbox, members));
  if (code !== 0) return `${code} ${msg}`;
  return data.code ? `${data.code} ${data.msg}` : `0 ${data.status ?? data.orderStatus}`;
}
