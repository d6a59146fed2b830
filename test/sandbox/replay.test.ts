import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { NewRefund } from "../../src/sandbox/rows.ts";
import type { ServerOptions } from "../../src/sandbox/options.ts";
import { createDaxPayServer, type DaxPayServer } from "../../src/sandbox/server.ts";
import { pathOf } from "./client.ts";

/** A reply of a real DaxPay. Times, trace ids, signatures, row keys and parsers' English are masked. */
interface Recording {
  readonly variant: string;
  readonly situation: string;
  /** When it was requested. */
  readonly at: string;
  readonly path: string;
  readonly request: string;
  /** How the request was signed; undefined where its signature was invalid on purpose. */
  readonly signed?: {
    readonly algorithm: "HMAC_SHA256" | "MD5" | "SM3";
    readonly names: readonly string[];
    readonly upperCase: boolean;
  };
  readonly status: number;
  readonly body: string;
}

const REAL_RELEASES = ["2.0.6", "2.0.7", "2.0.8", "3.0.0-beta4", "3.0.0"] as const;
type RealRelease = typeof REAL_RELEASES[number];

/** What the embedded DaxPay does not mirror, and why. */
const NOT_MIRRORED: readonly (readonly [situation: RegExp, why: string])[] = [
  [/^query: by database id/, "2.0.6 finds the row by its key and then fails to write it: no client knows the key"],
  [/^watch /, "a series of syncs whose replies were recorded without their order: see refund.test.ts"],
  [/^channel 13 s, second/, "takes 13 s: ledger.test.ts mirrors it with a clock of its own"],
  [/^empty secret/, "hutool makes a random key of an empty secret, and the sandbox rejects one"],
];

const ACCOUNT = { appId: "A4449206105400653", mchNo: "M1756189868049" };
const FOREIGN = ["A_UNKNOWN", "A_OTHER", ""];

/** The server's settings in a situation. */
function optionsOf(release: RealRelease, { variant, situation, request }: Recording): ServerOptions {
  const appId = membersOf(request)?.appId;
  const options: ServerOptions = {
    ...ACCOUNT,
    ...(typeof appId === "string" && !FOREIGN.includes(appId) ? { appId } : undefined),
    verifyFirst: variant.includes("verify-first"),
    shippedTables: variant.includes("shipped tables"),
    profile: variant === "development" ? "dev" : "prod",
  };
  if (/^interface disabled/.test(situation)) return { ...options, interfaces: { sync: "off" } };
  if (situation === "interface row missing") return { ...options, interfaces: { sync: "missing" } };
  if (/^MD5 (server|app)/.test(situation)) return { ...options, signType: "MD5" };
  if (situation.startsWith("SM3 app")) return { ...options, signType: "SM3" };
  if (/sign type/.test(situation)) return { ...options, signType: null };
  if (/^request signing off|req_sign off/.test(situation)) return { ...options, requireSignature: false };
  if (/^req_timeout on/.test(situation) && release === "3.0.0") return { ...options, enforceRequestTime: true };
  if (situation.startsWith("zone UTC")) return { ...options, timeZone: "UTC" };
  if (situation === "app of another merchant") return { ...options, apps: { A_OTHER: "M_OTHER" } };
  if (situation === "merchant disabled") return { ...options, mchNo: "M_OFF", disabled: "merchant" };
  return options;
}

const STATES: readonly (readonly [refundNo: RegExp, refund: Partial<NewRefund>])[] = [
  [/^R-ALI-NOTEXIST/, { state: "NOT_EXIST" }],
  [/^R-ALI-RATE/, { state: "ERROR", error: "调用过于频繁" }],
  [/^R-ALI-(NET|BADSIGN|TIME)$/, { state: "NETWORK_ERROR" }],
  [/^R-ALI-UNICODE/, { state: "ERROR", error: '退款"失败"\\é😀\u2028\u0085ß\n新行\t/slash=&key=1' }],
  [/^R-WX-(PROG|SLOW)/, { state: "PROCESSING" }],
  [/^R-WX-CLOSE/, { state: "CLOSED" }],
  [/^R-WX-CHANGE/, { state: "CHANGE" }],
  [/^R-WX-NOTEXIST/, { state: "NOT_EXIST" }],
  [/^R-WX-RETURNFAIL/, { state: "ERROR", error: "签名错误" }],
  [/^R-WX-NET/, { state: "NETWORK_ERROR" }],
  [/^R-WX-GARBAGE/, { state: "UNPARSABLE" }],
  [/-(L|LOCAL)-SUCCESS-/, { status: "success" }],
  [/-(L|LOCAL)-FAIL-/, { status: "fail" }],
  [/-(L|LOCAL)-CLOSE-/, { status: "close" }],
  [/^R-ALI-(L|LOCAL)-(SUCCESS|FAIL)-B/, { state: "NOT_EXIST" }],
  [/^R-WX-(L|LOCAL)-SUCCESS-A|^R-WX-LOCAL-CLOSE-B/, { state: "PROCESSING" }],
  [/^R-WX-L-SUCCESS-C|^R-WX-LOCAL-SUCCESS-B|^R-WX-(L|LOCAL)-CLOSE-[AC]/, { state: "CLOSED" }],
  [/^R-WX-L-FAIL-B/, { state: "NOT_EXIST" }],
  [/-NOORDER$/, { orderMissing: true }],
  [/^R-WX-NOORDER/, { state: "NOT_EXIST" }],
  [/CHOFF$/, { state: "channelOff" }],
  [/NOCH$/, { state: "channelMissing" }],
  [/^R-ALI-NOREQTIME/, { state: "nullPointer" }],
  [/^R-UNION/, { channel: "union_pay" }],
  [/^R-WALLET/, { channel: "wallet_pay" }],
  [/^R-CASH/, { channel: "cash_pay" }],
  [/^R-LESHUA/, { channel: "leshua_pay" }],
  [/^R-UNKCHAN/, { channel: "no_such_pay" }],
];

const NO_SUCH_REFUND = /^R-NOPE$/;

/** Adds the refund that a request names as DaxPay's tables held it then. */
function addRefund(server: DaxPayServer, { situation, request, body, at }: Recording): void {
  const { refundNo: given = "", bizRefundNo = "" } = membersOf(request) ?? {};
  const refundNo = typeof given === "string" && given !== "" ? given : /^B-(R-.*)$/.exec(String(bizRefundNo))?.[1];
  if (bizRefundNo === "B-DUP") {
    for (const refundNo of ["R-DUP-1", "R-DUP-2"]) server.addRefund({ refundNo, bizRefundNo });
  }
  if (!refundNo || NO_SUCH_REFUND.test(refundNo) || !refundNo.startsWith("R-")) return;
  const states = STATES.filter(([pattern]) => pattern.test(refundNo)).map(([, refund]) => refund);
  const refund: NewRefund = {
    refundNo,
    bizRefundNo: `B-${refundNo}`,
    channel: refundNo.startsWith("R-WX-") ? "wechat_pay" : "ali_pay",
    requestedAt: Date.parse("2026-11-20T12:00:00+08:00"),
    ...Object.assign({}, ...states),
    ...rowOf(body),
  };
  const exotic = /^exotic channel/.test(situation) && /^不支持的能力: (.*)$/s.exec(JSON.parse(body).msg)?.[1];
  server.addRefund({
    ...refund,
    ...(exotic ? { channel: exotic } : undefined),
    ...(refundNo === "R-ALI-YOUNG" ? { requestedAt: Date.parse(at) } : undefined),
    ...(refundNo === "R-OTHERAPP" ? { appId: "A_OTHER" } : undefined),
    ...(/second sync/.test(situation) && /"status":"close"/.test(body) ? { status: "close" as const } : undefined),
    ...(/"adjust":true/.test(body) ? { status: "success" as const } : undefined),
  });
}

/** The row's columns that a query's reply shows. */
function rowOf(body: string): Partial<NewRefund> | undefined {
  const { data } = JSON.parse(body || "{}");
  if (!data?.refundNo) return undefined;
  const { orderNo, title, outRefundNo, attach = null, status, errorMsg, finishTime } = data;
  const finished = typeof finishTime === "string" ? Date.parse(`${finishTime.replace(" ", "T")}+08:00`) : undefined;
  return {
    orderNo,
    title,
    outRefundNo,
    attach,
    status,
    errorMsg,
    finishTime: finished ?? (finishTime && finishTime * 1000),
  };
}

function membersOf(request: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(request) ?? undefined;
  } catch {
    return undefined;
  }
}

const HEADERS: Readonly<Record<string, Record<string, string>>> = {
  "content-type form": { "content-type": "application/x-www-form-urlencoded" },
  "content-type json;charset=utf-8": { "content-type": "application/json;charset=utf-8" },
  "header x-client-code dax-pay-merchant": { "x-client-code": "dax-pay-merchant" },
};

/** The recorded request, signed with the server's secret the way it was signed then. */
function requestOf(recording: Recording): Request {
  const { situation, path, request, signed } = recording;
  const url = `http://daxpay${path}`;
  const method = /\bGET\b/.test(situation) ? "GET" : "POST";
  if (method === "GET") return new Request(url);
  const headers = { "content-type": "application/json", ...HEADERS[situation] };
  const members = membersOf(request);
  if (!signed || !members) return new Request(url, { method, headers, body: request });
  const pairs = [...signed.names].sort().map((name) => `${name}=${members[name]}`);
  const text = `${pairs.join("&").replace(/["\\]/g, "")}&key=123456`;
  const sign = digest(signed.algorithm, signed.upperCase ? text.toUpperCase() : text);
  return new Request(url, { method, headers, body: JSON.stringify({ ...members, sign }) });
}

function digest(algorithm: "HMAC_SHA256" | "MD5" | "SM3", text: string): string {
  if (algorithm === "HMAC_SHA256") return createHmac("sha256", "123456").update(text).digest("hex");
  return createHash(algorithm.toLowerCase()).update(text).digest("hex");
}

/** Masks what differs from one reply to the next. */
function masked(body: string): string {
  return body
    .replace(/"traceId":"[A-Za-z0-9]{12}"/, '"traceId":"T"')
    .replace(/"sign":"[0-9a-f]{32,64}"/, '"sign":"S"')
    .replace(/"resTime":\d+/, '"resTime":0')
    .replace(/"(resTime|timestamp)":"[^"]*"/, '"$1":"D"')
    .replace(/"(id|orderId)":"\d{19}"/, '"$1":"0"')
    .replace(/"msg":"(JSON parse error: |Required request body is missing: public )(?:[^"\\]|\\.)*"/, '"msg":"$1…"');
}

/** Brings the server into the state in which the reply was recorded, as far as earlier requests made it. */
function prepare(server: DaxPayServer, release: RealRelease, recording: Recording): void {
  const { situation, body } = recording;
  const isBusy = body.includes("请勿重复操作");
  const holdsLock = /^lock held/.test(situation) && isBusy || situation === "query: locked while syncing?";
  const leftLock = /^lock left behind|^refund without req_time/.test(situation) && isBusy;
  if (!holdsLock && !leftLock) return;
  const refundNo = String(membersOf(recording.request)?.refundNo);
  if (holdsLock) server.setChannel(refundNo, { state: "SUCCESS", latencyMs: 400 });
  const path = pathOf(release);
  void server.fetch(requestOf({ ...recording, path })).catch(() => {});
}

describe.each(REAL_RELEASES)("%s replies as the real one did", (release) => {
  const lines = readFileSync(new URL(`./replies/${release}.jsonl`, import.meta.url), "utf8").trimEnd().split("\n");
  const recordings = lines.map((line): Recording => JSON.parse(line));
  const mirrored = recordings.filter(({ situation }) => !NOT_MIRRORED.some(([pattern]) => pattern.test(situation)));

  test.each(mirrored.map((recording) => [recording.situation, recording.variant, recording.path, recording] as const))(
    "%s (%s, %s)",
    async (_situation, _variant, _path, recording) => {
      const now = Date.parse(recording.at);
      const server = createDaxPayServer({ release, now: () => now, ...optionsOf(release, recording) });
      addRefund(server, recording);
      prepare(server, release, recording);
      const reply = await server.fetch(requestOf(recording));
      server.close();
      expect({ status: reply.status, body: masked(await reply.text()) }).toEqual({
        status: recording.status,
        body: recording.body,
      });
    },
  );
});
