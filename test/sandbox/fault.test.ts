import { connect } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type FaultName, FAULTS } from "../../src/sandbox/fault.ts";
import type { ReleaseName } from "../../src/sandbox/release.ts";
import {
  createServer,
  hmac,
  pathOf,
  post,
  query,
  send,
  signed,
  type Started,
  startSandbox,
  sync,
  unsignedRequest,
} from "./client.ts";

let sandbox: Started;
afterEach(() => sandbox.close());

const REPLY_SIGN = "d865ca94497b70553f54c59c70aa6c252b47892b1d0f891fa20bfa7e2daa05a2";
const data2 = (members: string, traceId = "t6h0RaYLoa8E") =>
  `{"msg":"success","code":0,"data":{${members}},"traceId":"${traceId}"}`;
const ok2 = (sign: string, status = "refund_success", more = "") =>
  data2(`"code":0,"msg":null,"resTime":1715576198,"sign":${sign},"status":"${status}"${more}`);

/** The whole reply to each fault on 2.0.8. */
const BODIES: Partial<Record<FaultName, [status: number, body: string | RegExp]>> = {
  "http-500": [500, /^<html>/],
  "http-429": [429, /^<html>/],
  "html-200": [200, /^<html>/],
  redirect: [307, /^<html>/],
  empty: [200, ""],
  "not-json": [200, "退款成功"],
  "wrong-types": [200, /"code":"zero"/],
  "page-failure": [
    200,
    data2(
      '"sign":"2bcc5ac7902379d65dc9901186cd81a2833835a30d5a59b3b1860df82f012557","code":"1","msg":"当前订单不存在","resTime":1715345296',
      "7UEqCd1v3fcZ",
    ),
  ],
  "no-code": [200, ok2(`"${REPLY_SIGN}"`).replace('"code":0,', "")],
  "duplicate-keys": [200, ok2(`"${REPLY_SIGN}"`).replace('"status"', '"status":"close","status"')],
  oversized: [200, ok2(`"${REPLY_SIGN}"`) + " ".repeat(65536)],
  "wrong-sign": [200, ok2(`"${REPLY_SIGN.replace(/2$/, "0")}"`)],
  "no-sign": [200, ok2("null")],
  "previous-key": [200, ok2(`"${hmac("code=0&resTime=1715576198&status=refund_success&key=old", "old")}"`)],
  foreign: [
    200,
    ok2(
      `"${hmac("code=0&refundNo=DEVR24051020531763999999&resTime=1715576198&status=refund_success&key=123456")}"`,
      "refund_success",
      ',"refundNo":"DEVR24051020531763999999"',
    ),
  ],
  stale: [
    200,
    ok2(`"${hmac("code=0&resTime=1715572598&status=refund_success&key=123456")}"`).replace("1715576198", "1715572598"),
  ],
  "unknown-status": [
    200,
    ok2(`"${hmac("code=0&resTime=1715576198&status=refund_reversed&key=123456")}"`, "refund_reversed"),
  ],
  "unknown-code": [200, '{"msg":"新的错误","code":47011,"data":null,"traceId":"t6h0RaYLoa8E"}'],
  "string-code": [
    200,
    data2(
      `"code":"1","msg":"当前订单不存在","resTime":1715576198,"sign":"${
        hmac("code=1&msg=当前订单不存在&resTime=1715576198&key=123456")
      }"`,
    ),
  ],
  "hostile-text": [200, /"code":1,"msg":"<img src=x onerror=alert\(1\)>\\";alert/],
};

test("2.0.8 breaks its replies as the fault says", async () => {
  sandbox = await startSandbox("2.0.8", { previousSecret: "old" });
  for (const [fault, [status, expected]] of Object.entries(BODIES)) {
    const reply = await faulty(sandbox, fault);
    const body = await reply.text();
    expect([fault, reply.status]).toEqual([fault, status]);
    if (typeof expected === "string") expect([fault, body]).toEqual([fault, expected]);
    else expect(body).toMatch(expected);
    expect(sandbox.requests.at(-1)?.outcome?.fault).toBe(fault);
  }
  const left = Object.keys(FAULTS).filter((fault) => !(fault in BODIES));
  expect(left).toEqual([
    "connect-reset",
    "slow",
    "hang",
    "reset",
    "cut",
    "lost",
    "unanswered",
    "other-request",
    "reshaped",
  ]);
});

test.each<[ReleaseName, FaultName, string]>([
  [
    "3.0.0-beta4",
    "unknown-code",
    "code=47011&msg=新的错误&resTime=2025-08-26 12:00:01&traceId=t6h0RaYLoa8E&key=123456",
  ],
  ["3.0.0", "unknown-code", "CODE=47011&MSG=新的错误&KEY=123456"],
  ["3.0.0", "string-code", "CODE=20041&MSG=当前订单不存在&KEY=123456"],
  [
    "3.0.0",
    "stale",
    "CODE=0&DATA={ORDERSTATUS:SUCCESS,ADJUST:FALSE}&MSG=SUCCESS&RESTIME=2025-08-26 11:00:01&TRACEID=T6H0RAYLOA8E&KEY=123456",
  ],
  [
    "3.0.0",
    "foreign",
    "CODE=0&DATA={ORDERSTATUS:SUCCESS,ADJUST:FALSE,REFUNDNO:DEVR24051020531763999999}&MSG=SUCCESS&RESTIME=2025-08-26 12:00:01&TRACEID=T6H0RAYLOA8E&KEY=123456",
  ],
  [
    "3.0.0-beta4",
    "unknown-status",
    "code=0&data={orderStatus:refund_reversed,adjust:false}&msg=success&resTime=2025-08-26 12:00:01&traceId=t6h0RaYLoa8E&key=123456",
  ],
])("%s signs the reply to %s", async (release, fault, text) => {
  sandbox = await startSandbox(release);
  expect(JSON.parse(await (await faulty(sandbox, fault)).text()).sign).toBe(hmac(text));
});

test("details of http-429 and redirect stand in the headers", async () => {
  sandbox = await startSandbox("2.0.8");
  expect((await faulty(sandbox, "http-429")).headers.get("retry-after")).toBe("7");
  expect((await faulty(sandbox, "redirect")).headers.get("location")).toBe("/elsewhere");
  sandbox.setFault("http-429", { retryAfterSeconds: 60 });
  expect((await faulty(sandbox, "none")).headers.get("retry-after")).toBe("60");
});

test("a cut reply announces more than it sends", async () => {
  sandbox = await startSandbox("2.0.8");
  const raw = await rawSend(sandbox, "FAULT-CUT");
  const [head, body] = raw.split("\r\n\r\n");
  const announced = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  expect(announced).toBe(ok2(`"${REPLY_SIGN}"`).length);
  expect(body).toBe(ok2(`"${REPLY_SIGN}"`).slice(0, Math.floor(announced / 2)));
});

test("reset ends the connection after the request was read, connect-reset before", async () => {
  sandbox = await startSandbox("2.0.8");
  await expect(rawSend(sandbox, "FAULT-RESET")).rejects.toThrow("ECONNRESET");
  expect(sandbox.requests).toMatchObject([{ outcome: { fault: "reset" } }]);
  await send(sandbox, "R-SUCCEEDS");
  sandbox.setFault("connect-reset", { times: 2 });
  for (let i = 0; i < 2; i++) await expect(rawSend(sandbox, "R-SUCCEEDS")).rejects.toThrow("ECONNRESET");
  expect(sandbox.requests).toHaveLength(2);
  expect(await rawSend(sandbox, "R-SUCCEEDS")).toContain(ok2(`"${REPLY_SIGN}"`));
});

test("connect-reset also meets a connection that was kept open", async () => {
  sandbox = await startSandbox("2.0.8");
  const body = JSON.stringify(signed("2.0.8", unsignedRequest("2.0.8", { refundNo: "R-SUCCEEDS" })));
  const kept = () => post(sandbox, pathOf("2.0.8"), body, { connection: "keep-alive" });
  await (await kept()).text();
  sandbox.setFault("connect-reset");
  await expect(kept()).rejects.toThrow();
  expect(sandbox.requests).toHaveLength(1);
});

test("slow replies late", async () => {
  sandbox = await startSandbox("2.0.8");
  sandbox.setFault("slow", { refundNo: "R-SUCCEEDS", delayMs: 60 });
  const begun = performance.now();
  expect(await sync(sandbox, "R-SUCCEEDS")).toMatchObject({ status: "refund_success" });
  expect(performance.now() - begun).toBeGreaterThan(55);
});

test("close ends what hangs, is slow or waits for a lock", async () => {
  sandbox = await startSandbox("2.0.8", { latencyMs: 60_000 });
  const left = ["FAULT-HANG", "FAULT-SLOW", "R-SUCCEEDS", "R-SUCCEEDS"].map((refundNo) =>
    expect(send(sandbox, refundNo)).rejects.toThrow()
  );
  await expect.poll(() => sandbox.requests.length).toBe(4);
  const begun = performance.now();
  await sandbox.close();
  await Promise.all(left);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test("a fault for a number precedes the number's own, and that one a fault for all", async () => {
  sandbox = await startSandbox("2.0.8");
  sandbox.setFault("http-500");
  sandbox.setFault("html-200", { refundNo: "R-SUCCEEDS", times: 1 });
  sandbox.setFault("http-429", { refundNo: "R-SUCCEEDS", times: 1 });
  const status = async (refundNo: string) => (await faulty(sandbox, refundNo, "")).status;
  expect([await status("R-SUCCEEDS"), await status("R-SUCCEEDS"), await status("R-SUCCEEDS")]).toEqual([200, 429, 500]);
  expect(await status("FAULT-REDIRECT")).toBe(307);
  sandbox.clearFaults();
  expect(await sync(sandbox, "R-SUCCEEDS")).toMatchObject({ status: "refund_success" });
});

test.each<[FaultName, object, string]>([
  ["connect-reset", { refundNo: "R-SUCCEEDS" }, 'expected no refundNo for fault "connect-reset"'],
  ["connect-reset", { endpoint: "query" }, 'expected no endpoint for fault "connect-reset"'],
  ["hang", { times: 0 }, 'expected times of 1 or more for fault "hang", got 0'],
])("setFault() rejects %s with %j", (fault, target, message) => {
  expect(() => createServer("2.0.8").setFault(fault, target)).toThrow(message);
});

test("a fault for one endpoint spares the other", async () => {
  const server = createServer("3.0.0");
  server.setFault("unknown-code", { refundNo: "R-SUCCEEDS", endpoint: "query" });
  expect(await query(server, "R-SUCCEEDS")).toMatchObject({ code: 47011 });
  expect(await sync(server, "R-SUCCEEDS")).toMatchObject({ code: 0, status: "success" });
});

test("a named fault breaks the sync, not the query before it", async () => {
  const server = createServer("3.0.0");
  expect(await query(server, "FAULT-UNKNOWN-CODE")).toMatchObject({ code: 0, status: "progress" });
  expect(await sync(server, "FAULT-UNKNOWN-CODE")).toMatchObject({ code: 47011 });
});

test("lost processes the request before it resets the connection, unlike reset", async () => {
  sandbox = await startSandbox("2.0.8");
  await expect(rawSend(sandbox, "FAULT-LOST")).rejects.toThrow("ECONNRESET");
  await expect(rawSend(sandbox, "FAULT-RESET")).rejects.toThrow("ECONNRESET");
  expect(sandbox.refund("FAULT-LOST")).toMatchObject({ status: "success", syncs: 1 });
  expect(sandbox.refund("FAULT-RESET")).toMatchObject({ status: "progress", syncs: 0 });
});

function faulty(sandbox: Started, fault: string, prefix = "FAULT-") {
  const refundNo = prefix + fault.toUpperCase();
  const { release } = sandbox;
  return post(sandbox, pathOf(release), JSON.stringify(signed(release, unsignedRequest(release, { refundNo }))));
}

/** Sends one request over a bare socket and returns all that comes back. */
function rawSend(sandbox: Started, refundNo: string): Promise<string> {
  const body = JSON.stringify(signed("2.0.8", unsignedRequest("2.0.8", { refundNo })));
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(Number(new URL(sandbox.url).port), "127.0.0.1");
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => text += chunk);
    socket.on("error", reject);
    socket.on("end", () => resolve(text));
    socket.write(
      `POST ${pathOf("2.0.8")} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
  });
}
